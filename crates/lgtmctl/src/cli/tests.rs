//! What the command line takes, and what it refuses.

use clap::CommandFactory as _;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

fn command(line: &str) -> Command {
    parse(line).unwrap_or_else(|error| panic!("{line}: {error}")).command
}

#[test]
fn the_declaration_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_planning_flag_reaches_the_planner() {
    let Command::Plan(args) = command(
        "lgtmctl plan -f a.yaml --target west --target hub/mimir --refresh full --allow-replace hub/authority \
         --conflicts fail --exit-code --output json --verbose-objects",
    ) else {
        panic!("no plan")
    };
    let options = args.planning.options();
    assert!(options.refresh_full && options.conflicts_fail && !options.delete_data);
    assert_eq!(options.allow_replace, ["hub/authority".parse().unwrap()].into());
    let targets = [Target::Cluster(ClusterName::new("west")), Target::Unit("hub/mimir".parse().unwrap())];
    assert_eq!(options.targets, targets);
    assert_eq!(args.file.file, PathBuf::from("a.yaml"));
    assert!(args.exit_code && args.planning.verbose_objects);
    assert_eq!(args.output.output, Output::Json);
}

#[test]
fn defaults() {
    let Command::Apply(args) = command("lgtmctl apply") else { panic!("no apply") };
    assert_eq!(args.file.file, PathBuf::from("topology.yaml"));
    assert_eq!((args.run.concurrency, args.run.tries), (16, 6));
    assert!(!args.run.yes && !args.run.no_progress && !args.rehearse && !args.keep);
    let options = args.planning.options();
    assert!(!options.refresh_full && !options.conflicts_fail && options.targets.is_empty());
    assert_eq!(args.output.output, Output::Human);
}

#[test]
fn every_apply_flag() {
    let Command::Apply(args) = command(
        "lgtmctl apply --yes --concurrency 4 --tries 2 --rehearse --keep --no-progress --conflicts take-over \
         --refresh changed",
    ) else {
        panic!("no apply")
    };
    assert_eq!((args.run.concurrency, args.run.tries), (4, 2));
    assert!(args.run.yes && args.run.no_progress && args.rehearse && args.keep);
}

#[test]
fn every_other_command() {
    assert!(
        matches!(command("lgtmctl validate -f - --output json"), Command::Validate(args) if args.file.file.as_os_str() == "-")
    );
    assert!(matches!(command("lgtmctl status --rehearse -o json"), Command::Status(args) if args.rehearse));
    assert!(
        matches!(command("lgtmctl destroy -y --delete-data --rehearse --verbose-objects"), Command::Destroy(args)
            if args.run.yes && args.delete_data && args.rehearse && args.verbose_objects)
    );
    for (name, format) in
        [("dot", GraphFormat::Dot), ("mermaid", GraphFormat::Mermaid), ("json", GraphFormat::Json)]
    {
        assert!(
            matches!(command(&format!("lgtmctl graph --format {name}")), Command::Graph(args) if args.format == format)
        );
    }
    assert!(
        matches!(command("lgtmctl render mimir hub/loki --to out"), Command::Render(args) if args.units == ["mimir", "hub/loki"])
    );
    assert!(matches!(command("lgtmctl render --all --to out"), Command::Render(args) if args.all));
    assert!(
        matches!(command("lgtmctl kubeconfig west --rehearse"), Command::Kubeconfig(args) if args.cluster == "west" && args.rehearse)
    );
    assert!(matches!(command("lgtmctl access --port 8080 --open -o json"), Command::Access(args)
            if args.what == Place::Grafana && args.port == Some(8080) && args.open && args.output.output == Output::Json));
    assert!(matches!(command("lgtmctl unlock --yes"), Command::Unlock(args) if args.yes));
    assert!(matches!(command("lgtmctl schema"), Command::Schema));
    assert!(matches!(command("lgtmctl completions zsh"), Command::Completions { shell: Shell::Zsh }));
}

#[test]
fn global_flags_stand_anywhere() {
    for line in ["lgtmctl -vv --color never plan", "lgtmctl plan -v -v --color=never"] {
        let cli = parse(line).unwrap();
        assert_eq!((cli.global.verbose, cli.global.color), (2, Color::Never), "{line}");
    }
    assert!(parse("lgtmctl plan --quiet").unwrap().global.quiet);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for line in [
        "lgtmctl plan --quiet -v",
        "lgtmctl plan --target a/b/c",
        "lgtmctl plan --target /b",
        "lgtmctl plan --allow-replace mimir",
        "lgtmctl plan --refresh some",
        "lgtmctl apply --keep",
        "lgtmctl apply --concurrency 0",
        "lgtmctl apply --tries 0",
        "lgtmctl render --to out",
        "lgtmctl render --all mimir --to out",
        "lgtmctl render --all",
        "lgtmctl access loki",
        "lgtmctl access --port 0",
        "lgtmctl kubeconfig",
        "lgtmctl completions tcsh",
    ] {
        let error = parse(line).map(|_| ()).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn only_commands_with_json_offer_it() {
    assert_eq!(command("lgtmctl plan -o json").output(), Output::Json);
    assert_eq!(command("lgtmctl schema").output(), Output::Human);
    assert!(parse("lgtmctl schema --output json").is_err());
}
