//! Carrying bytes between two streams, each direction to its own end.
//!
//! The module refuses to know what is said, and who says it.

use std::{
    io,
    pin::{Pin, pin},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// How long one direction may be silent when the other has ended. Nobody can tell a client that has said all and
/// still listens from one that has gone, and a server that keeps connections open for more requests never ends. Grafana
/// itself gives a data source 30 s to answer.
const SILENCE: Duration = Duration::from_secs(60);
/// What is carried at once.
const PIECE: usize = 16 * 1024;

/// Carries both directions. The client is told that the Pod has said all; the Pod is not told that of the client: the
/// protocol to it has no words for that, and the library would end both directions.
pub(super) async fn carry(
    client: impl AsyncRead + AsyncWrite + Unpin,
    pod: impl AsyncRead + AsyncWrite + Unpin,
) {
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_pod, mut to_pod) = tokio::io::split(pod);
    let (up, down) = (AtomicU64::new(0), AtomicU64::new(0));
    let mut asking = pin!(copy(&mut from_client, &mut to_pod, &up));
    let mut answering = pin!(async {
        copy(&mut from_pod, &mut to_client, &down).await?;
        to_client.shutdown().await
    });
    // Either side may hang up at any time; that is how connections end.
    tokio::select! {
        _ = &mut asking => until_silent(answering, &down).await,
        _ = &mut answering => until_silent(asking, &up).await,
    }
}

async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    carried: &AtomicU64,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let length = from.read(&mut piece).await?;
        let Some(read) = piece.get(..length).filter(|read| !read.is_empty()) else { return Ok(()) };
        to.write_all(read).await?;
        to.flush().await?;
        carried.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits for the end of a direction, or until nothing was carried in it for a while.
async fn until_silent(mut direction: Pin<&mut impl Future<Output = io::Result<()>>>, carried: &AtomicU64) {
    loop {
        let before = carried.load(Ordering::Relaxed);
        let ended = tokio::time::timeout(SILENCE, &mut direction).await.is_ok();
        if ended || carried.load(Ordering::Relaxed) == before {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{DuplexStream, duplex},
        task::JoinHandle,
        time::{Instant, sleep},
    };

    use super::*;

    /// The far ends of the client and of the Pod, and what carries between them.
    fn connection() -> (DuplexStream, DuplexStream, JoinHandle<()>) {
        let ((client, near), (far, pod)) = (duplex(64), duplex(64));
        (client, pod, tokio::spawn(carry(near, far)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_has_said_all_gets_a_slow_answer_to_its_end() {
        let (mut client, mut pod, carrying) = connection();
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let answering = tokio::spawn(async move {
            let mut heard = [0; 8];
            pod.read_exact(&mut heard).await.unwrap();
            for _ in 0..3 {
                sleep(SILENCE * 2 / 3).await;
                pod.write_all(&heard).await.unwrap();
            }
        });
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "question".repeat(3));
        answering.await.unwrap();
        carrying.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_has_gone_holds_no_way_open() {
        let (client, pod, carrying) = connection();
        let begun = Instant::now();
        drop(client);
        carrying.await.unwrap();
        assert!(begun.elapsed() <= SILENCE, "{:?}", begun.elapsed());
        drop(pod);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_still_speaks_hears_that_the_pod_has_said_all() {
        let (mut client, mut pod, carrying) = connection();
        pod.write_all(b"no").await.unwrap();
        pod.shutdown().await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "no");
        client.write_all(b"more").await.unwrap();
        let mut heard = [0; 4];
        pod.read_exact(&mut heard).await.unwrap();
        drop(client);
        carrying.await.unwrap();
    }
}
