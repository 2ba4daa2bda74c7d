// Reads Alloy configurations with Alloy's own validator, which knows the components that charts/alloy uses and no
// other: `alloy-validate FILE`, and `alloy-validate version` for the version of Alloy that it is of.
package main

import (
	"fmt"
	"os"

	"github.com/grafana/alloy"
	"github.com/grafana/alloy/internal/component"
	"github.com/grafana/alloy/internal/featuregate"
	"github.com/grafana/alloy/internal/validator"

	_ "github.com/grafana/alloy/internal/component/discovery/kubernetes"
	_ "github.com/grafana/alloy/internal/component/discovery/relabel"
	_ "github.com/grafana/alloy/internal/component/loki/process"
	_ "github.com/grafana/alloy/internal/component/loki/relabel"
	_ "github.com/grafana/alloy/internal/component/loki/source/file"
	_ "github.com/grafana/alloy/internal/component/loki/source/kubernetes_events"
	_ "github.com/grafana/alloy/internal/component/loki/write"
	_ "github.com/grafana/alloy/internal/component/otelcol/exporter/loki"
	_ "github.com/grafana/alloy/internal/component/otelcol/exporter/otlp"
	_ "github.com/grafana/alloy/internal/component/otelcol/exporter/otlphttp"
	_ "github.com/grafana/alloy/internal/component/otelcol/exporter/prometheus"
	_ "github.com/grafana/alloy/internal/component/otelcol/processor/batch"
	_ "github.com/grafana/alloy/internal/component/otelcol/processor/k8sattributes"
	_ "github.com/grafana/alloy/internal/component/otelcol/processor/memorylimiter"
	_ "github.com/grafana/alloy/internal/component/otelcol/processor/transform"
	_ "github.com/grafana/alloy/internal/component/otelcol/receiver/jaeger"
	_ "github.com/grafana/alloy/internal/component/otelcol/receiver/otlp"
	_ "github.com/grafana/alloy/internal/component/prometheus/exporter/self"
	_ "github.com/grafana/alloy/internal/component/prometheus/operator/podmonitors"
	_ "github.com/grafana/alloy/internal/component/prometheus/operator/servicemonitors"
	_ "github.com/grafana/alloy/internal/component/prometheus/relabel"
	_ "github.com/grafana/alloy/internal/component/prometheus/remotewrite"
	_ "github.com/grafana/alloy/internal/component/prometheus/scrape"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: alloy-validate FILE | version")
		os.Exit(2)
	}
	if os.Args[1] == "version" {
		fmt.Println("alloy", alloy.FallbackVersion())
		return
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	// As the program is run: what is not generally available needs a flag that the chart does not set.
	stability := featuregate.StabilityGenerallyAvailable
	sources := map[string][]byte{os.Args[1]: text}
	options := validator.Options{
		Sources:           sources,
		ComponentRegistry: component.NewDefaultRegistry(stability, false),
		MinStability:      stability,
	}
	if err := validator.Validate(options); err != nil {
		validator.Report(os.Stderr, err, sources)
		os.Exit(1)
	}
}
