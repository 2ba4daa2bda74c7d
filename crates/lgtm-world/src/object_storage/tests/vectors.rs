//! Signatures against the examples that AWS publishes for S3 ("Signature Calculations for the Authorization
//! Header"), both those that are made and those that the tests' storage calculates.

use std::time::{Duration, SystemTime};

use http::Request;

use super::server::{Given, signature};
use crate::object_storage::{AccessKey, sign::signed};

/// 2013-05-24T00:00:00Z.
const THEN: u64 = 1_369_353_600;
const ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn example(path: &str, range: Option<&str>) -> Request<Vec<u8>> {
    let request = Request::get(path).header("host", "examplebucket.s3.amazonaws.com");
    let request = range.into_iter().fold(request, |request, range| request.header("range", range));
    request.body(Vec::new()).unwrap()
}

#[test]
fn the_published_examples_of_s3() {
    for (path, range, published) in [
        ("/?lifecycle", None, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("/?max-keys=2&prefix=J", None, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ("/test.txt", Some("bytes=0-9"), "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
    ] {
        let mut request = example(path, range);
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(THEN);
        signed(&mut request, &AccessKey::new(ID, SECRET), then).unwrap();
        let given = Given::of(request.headers()["authorization"].to_str().unwrap());
        assert_eq!((given.id.as_str(), given.signature.as_str()), (ID, published), "{path}");
        let query = super::server::pairs(request.uri().query());
        let anew = signature(SECRET, "GET", request.uri().path(), &query, request.headers(), &given);
        assert_eq!(anew, published, "{path}");
    }
}
