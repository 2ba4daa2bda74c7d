# What a person runs in this checkout. Everything real is a script or cargo; this file only names it.
.DEFAULT_GOAL := help
.PHONY: help demo clean-demo tools build test verify-configs soak lint fmt bench generate

TOOLS := $(CURDIR)/.tools/bin
LGTMCTL := target/release/lgtmctl
QUICKSTART := examples/quickstart.yaml

# Programs are handed over by folder, so that nothing of the same name on PATH is run by mistake.
export LGTMCTL_TOOLS := $(TOOLS)

help: ## Say what there is to run
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: tools build ## Apply the quickstart topology on simulated clusters
	$(LGTMCTL) apply -f $(QUICKSTART) --yes
	@printf '%s\n' '' \
		'A hub and three spokes run as simulated clusters, and keep running until `make clean-demo`. Try next:' '' \
		'  export LGTMCTL_TOOLS=$(TOOLS)' \
		'  $(LGTMCTL) status -f $(QUICKSTART)' \
		'  $(LGTMCTL) plan -f $(QUICKSTART)' \
		'  $(LGTMCTL) kubeconfig -f $(QUICKSTART) lgtm-central >hub.kubeconfig'

clean-demo: build ## Remove what demo made, clusters included
	$(LGTMCTL) destroy -f $(QUICKSTART) --yes

tools: ## Build the pinned Kubernetes, etcd, kwok and helm programs into .tools/bin
	@tools/build

build:
	cargo build --release --locked -p lgtmctl

test: tools ## Every gate and every test; the last line counts them
	@tools/test

# MIRROR is a folder of packaged upstream charts; BROUGHT one of programs that are no package (docs/configurations.md).
verify-configs: tools ## Have generated configurations read by the real programs; MIRROR=DIR for both profiles
	@tools/verify/build
	cargo xtask verify-configs $(if $(MIRROR),--mirror "$(MIRROR)") $(if $(BROUGHT),--brought "$(BROUGHT)")

soak: tools ## The random tests of the simulated world and of the faults, many times over
	LGTMCTL_SIM_RUNS=$(or $(RUNS),20000) cargo test --release --locked -p lgtm-executor --test sim -- faults walks order lease
	LGTMCTL_APPLIES=$(or $(APPLIES),300) cargo test --locked -p lgtm-world --test faults -- seeded

lint: ## Formatting, clippy and the project's own rules
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo xtask tidy

fmt: ## Format the sources
	cargo fmt --all

bench: tools build ## Run the benchmarks, then compare with helmfile where that is on PATH
	cargo bench --workspace --locked --bench '*'
	cargo xtask bench

generate: ## Write the generated files (schema, custom resource, command reference) anew
	cargo xtask generate
