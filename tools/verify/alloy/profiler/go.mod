// In place of the profiler that Alloy's runtime is linked with, and that its validator has no use for.
module go.opentelemetry.io/ebpf-profiler

go 1.26.0
