// Alloy's own validator with the components that charts/alloy uses. The module's path lies below Alloy's, since the
// validator is internal to it, and the whole program is several times as large.
//
// The replacements are Alloy's own, then the collector's libraries at the versions that Alloy names. Where a module proxy
// may lack one it is a version nearby; of the profiler, which only has to be linked, profiler/ has the few names.
module github.com/grafana/alloy/lgtmctl-verify

go 1.26.5

require github.com/grafana/alloy v1.18.1

require (
	cloud.google.com/go/auth v0.20.0 // indirect
	cloud.google.com/go/auth/oauth2adapt v0.2.8 // indirect
	cloud.google.com/go/compute/metadata v0.9.0 // indirect
	connectrpc.com/connect v1.20.0 // indirect
	dario.cat/mergo v1.0.2 // indirect
	github.com/Azure/azure-sdk-for-go v68.0.0+incompatible // indirect
	github.com/Azure/azure-sdk-for-go/sdk/azcore v1.22.0 // indirect
	github.com/Azure/azure-sdk-for-go/sdk/azidentity v1.14.0 // indirect
	github.com/Azure/azure-sdk-for-go/sdk/internal v1.12.0 // indirect
	github.com/Azure/go-autorest/autorest v0.11.30 // indirect
	github.com/Azure/go-autorest/autorest/adal v0.9.24 // indirect
	github.com/Azure/go-autorest/autorest/azure/auth v0.5.13 // indirect
	github.com/Azure/go-autorest/autorest/azure/cli v0.4.6 // indirect
	github.com/Azure/go-autorest/autorest/date v0.3.1 // indirect
	github.com/Azure/go-autorest/autorest/to v0.4.0 // indirect
	github.com/Azure/go-autorest/autorest/validation v0.3.1 // indirect
	github.com/Azure/go-autorest/logger v0.2.2 // indirect
	github.com/Azure/go-autorest/tracing v0.6.1 // indirect
	github.com/AzureAD/microsoft-authentication-library-for-go v1.7.2 // indirect
	github.com/Masterminds/goutils v1.1.1 // indirect
	github.com/Masterminds/semver/v3 v3.5.0 // indirect
	github.com/Masterminds/sprig/v3 v3.3.0 // indirect
	github.com/ProtonMail/go-crypto v1.1.6 // indirect
	github.com/TritonDataCenter/triton-go/v2 v2.0.0-pre4 // indirect
	github.com/alecthomas/participle/v2 v2.1.4 // indirect
	github.com/alecthomas/units v0.0.0-20240927000941-0f3dac36c52b // indirect
	github.com/antchfx/xmlquery v1.5.1 // indirect
	github.com/antchfx/xpath v1.3.6 // indirect
	github.com/apache/thrift v0.23.1-0.20260429145742-d2acd3c49e58 // indirect
	github.com/armon/go-metrics v0.4.1 // indirect
	github.com/aws/aws-sdk-go-v2 v1.42.0 // indirect
	github.com/aws/aws-sdk-go-v2/config v1.32.25 // indirect
	github.com/aws/aws-sdk-go-v2/credentials v1.19.24 // indirect
	github.com/aws/aws-sdk-go-v2/feature/ec2/imds v1.18.29 // indirect
	github.com/aws/aws-sdk-go-v2/internal/configsources v1.4.29 // indirect
	github.com/aws/aws-sdk-go-v2/internal/endpoints/v2 v2.7.29 // indirect
	github.com/aws/aws-sdk-go-v2/internal/v4a v1.4.30 // indirect
	github.com/aws/aws-sdk-go-v2/service/ec2 v1.307.0 // indirect
	github.com/aws/aws-sdk-go-v2/service/ecs v1.83.0 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/accept-encoding v1.13.12 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/presigned-url v1.13.29 // indirect
	github.com/aws/aws-sdk-go-v2/service/signin v1.2.0 // indirect
	github.com/aws/aws-sdk-go-v2/service/sso v1.31.3 // indirect
	github.com/aws/aws-sdk-go-v2/service/ssooidc v1.36.6 // indirect
	github.com/aws/aws-sdk-go-v2/service/sts v1.43.3 // indirect
	github.com/aws/smithy-go v1.27.2 // indirect
	github.com/bboreham/go-loser v0.0.0-20230920113527-fcc2c21820a3 // indirect
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/blang/semver/v4 v4.0.0 // indirect
	github.com/bmatcuk/doublestar/v4 v4.10.0 // indirect
	github.com/cenkalti/backoff/v4 v4.3.0 // indirect
	github.com/cenkalti/backoff/v5 v5.0.3 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/clipperhouse/uax29/v2 v2.7.0 // indirect
	github.com/cloudflare/circl v1.6.3 // indirect
	github.com/coder/quartz v0.3.1 // indirect
	github.com/coreos/go-semver v0.3.1 // indirect
	github.com/coreos/go-systemd/v22 v22.7.0 // indirect
	github.com/cyphar/filepath-securejoin v0.6.1 // indirect
	github.com/davecgh/go-spew v1.1.2-0.20180830191138-d8f796af33cc // indirect
	github.com/dennwc/varint v1.0.0 // indirect
	github.com/denverdino/aliyungo v0.0.0-20190125010748-a747050bb1ba // indirect
	github.com/digitalocean/godo v1.196.0 // indirect
	github.com/dimchansky/utfbom v1.1.1 // indirect
	github.com/distribution/reference v0.6.0 // indirect
	github.com/edsrzf/mmap-go v1.2.1-0.20241212181136-fad1cd13edbd // indirect
	github.com/efficientgo/core v1.0.0-rc.3 // indirect
	github.com/elastic/go-freelru v0.16.0 // indirect
	github.com/elastic/go-grok v0.3.1 // indirect
	github.com/elastic/lunes v0.2.0 // indirect
	github.com/emicklei/go-restful/v3 v3.13.0 // indirect
	github.com/emirpasic/gods v1.18.1 // indirect
	github.com/evanphx/json-patch/v5 v5.9.11 // indirect
	github.com/expr-lang/expr v1.17.8 // indirect
	github.com/facette/natsort v0.0.0-20181210072756-2cd4dd1e2dcb // indirect
	github.com/fatih/color v1.19.0 // indirect
	github.com/felixge/httpsnoop v1.0.4 // indirect
	github.com/foxboron/go-tpm-keyfiles v0.0.0-20251226215517-609e4778396f // indirect
	github.com/fsnotify/fsnotify v1.10.1 // indirect
	github.com/fxamacker/cbor/v2 v2.9.2 // indirect
	github.com/go-git/gcfg v1.5.1-0.20230307220236-3a3c6141e376 // indirect
	github.com/go-git/go-billy/v5 v5.9.0 // indirect
	github.com/go-git/go-git/v5 v5.19.1 // indirect
	github.com/go-kit/log v0.2.1 // indirect
	github.com/go-logfmt/logfmt v0.6.1 // indirect
	github.com/go-logr/logr v1.4.3 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/go-openapi/analysis v0.25.0 // indirect
	github.com/go-openapi/errors v0.22.7 // indirect
	github.com/go-openapi/jsonpointer v0.23.1 // indirect
	github.com/go-openapi/jsonreference v0.21.5 // indirect
	github.com/go-openapi/loads v0.23.3 // indirect
	github.com/go-openapi/runtime v0.29.4 // indirect
	github.com/go-openapi/spec v0.22.4 // indirect
	github.com/go-openapi/strfmt v0.26.3 // indirect
	github.com/go-openapi/swag v0.26.0 // indirect
	github.com/go-openapi/swag/cmdutils v0.26.0 // indirect
	github.com/go-openapi/swag/conv v0.26.0 // indirect
	github.com/go-openapi/swag/fileutils v0.26.0 // indirect
	github.com/go-openapi/swag/jsonname v0.26.0 // indirect
	github.com/go-openapi/swag/jsonutils v0.26.0 // indirect
	github.com/go-openapi/swag/loading v0.26.0 // indirect
	github.com/go-openapi/swag/mangling v0.26.0 // indirect
	github.com/go-openapi/swag/netutils v0.26.0 // indirect
	github.com/go-openapi/swag/stringutils v0.26.0 // indirect
	github.com/go-openapi/swag/typeutils v0.26.0 // indirect
	github.com/go-openapi/swag/yamlutils v0.26.0 // indirect
	github.com/go-openapi/validate v0.25.2 // indirect
	github.com/go-resty/resty/v2 v2.17.2 // indirect
	github.com/go-viper/mapstructure/v2 v2.5.0 // indirect
	github.com/gobwas/glob v0.2.3 // indirect
	github.com/goccy/go-json v0.10.6 // indirect
	github.com/gogo/googleapis v1.4.1 // indirect
	github.com/gogo/protobuf v1.3.2 // indirect
	github.com/gogo/status v1.1.1 // indirect
	github.com/golang-jwt/jwt/v4 v4.5.2 // indirect
	github.com/golang-jwt/jwt/v5 v5.3.1 // indirect
	github.com/golang/groupcache v0.0.0-20241129210726-2c02b8208cf8 // indirect
	github.com/golang/protobuf v1.5.4 // indirect
	github.com/golang/snappy v1.0.0 // indirect
	github.com/google/btree v1.1.3 // indirect
	github.com/google/gnostic v0.7.1 // indirect
	github.com/google/gnostic-models v0.7.1 // indirect
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/google/go-querystring v1.2.0 // indirect
	github.com/google/go-tpm v0.9.8 // indirect
	github.com/google/renameio/v2 v2.0.2 // indirect
	github.com/google/s2a-go v0.1.9 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/googleapis/enterprise-certificate-proxy v0.3.15 // indirect
	github.com/googleapis/gax-go/v2 v2.22.0 // indirect
	github.com/gophercloud/gophercloud v1.14.1 // indirect
	github.com/gorilla/mux v1.8.1 // indirect
	github.com/grafana/alloy-remote-config v0.0.12 // indirect
	github.com/grafana/alloy/syntax v0.1.1 // indirect
	github.com/grafana/ckit v0.0.0-20260226120531-bbed30d6364e // indirect
	github.com/grafana/dskit v0.0.0-20260209132809-8d1c6d34bb5a // indirect
	github.com/grafana/loki/pkg/push v0.0.0-20251125172520-2f85998f1adf // indirect
	github.com/grafana/loki/v3 v3.7.1 // indirect
	github.com/grafana/otel-profiling-go v0.5.1 // indirect
	github.com/grafana/pyroscope-go/godeltaprof v0.1.11 // indirect
	github.com/grafana/pyroscope/api v1.5.0 // indirect
	github.com/grafana/regexp v0.0.0-20250905093917-f7b3be9d1853 // indirect
	github.com/grpc-ecosystem/grpc-gateway/v2 v2.29.0 // indirect
	github.com/hashicorp/consul/api v1.34.3 // indirect
	github.com/hashicorp/errwrap v1.1.0 // indirect
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-discover v1.3.0 // indirect
	github.com/hashicorp/go-discover/provider/gce v0.0.0-20250625044749-2961509ab243 // indirect
	github.com/hashicorp/go-hclog v1.6.3 // indirect
	github.com/hashicorp/go-immutable-radix v1.3.1 // indirect
	github.com/hashicorp/go-metrics v0.5.4 // indirect
	github.com/hashicorp/go-msgpack/v2 v2.1.5 // indirect
	github.com/hashicorp/go-multierror v1.1.1 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
	github.com/hashicorp/go-rootcerts v1.0.2 // indirect
	github.com/hashicorp/go-sockaddr v1.0.7 // indirect
	github.com/hashicorp/go-version v1.9.0 // indirect
	github.com/hashicorp/golang-lru v1.0.2 // indirect
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
	github.com/hashicorp/mdns v1.0.5 // indirect
	github.com/hashicorp/memberlist v0.5.4 // indirect
	github.com/hashicorp/serf v0.10.2 // indirect
	github.com/hashicorp/vic v1.5.1-0.20190403131502-bbfe86ec9443 // indirect
	github.com/huandu/xstrings v1.5.0 // indirect
	github.com/iancoleman/strcase v0.3.0 // indirect
	github.com/jaegertracing/jaeger-idl v0.7.1 // indirect
	github.com/jbenet/go-context v0.0.0-20150711004518-d14ea06fba99 // indirect
	github.com/jmespath-community/go-jmespath v1.1.1 // indirect
	github.com/jonboulle/clockwork v0.5.0 // indirect
	github.com/jpillora/backoff v1.0.0 // indirect
	github.com/json-iterator/go v1.1.12 // indirect
	github.com/kevinburke/ssh_config v1.2.0 // indirect
	github.com/klauspost/compress v1.18.6 // indirect
	github.com/klauspost/cpuid/v2 v2.3.0 // indirect
	github.com/knadh/koanf v1.5.0 // indirect
	github.com/knadh/koanf/v2 v2.3.5 // indirect
	github.com/kylelemons/godebug v1.1.0 // indirect
	github.com/lightstep/go-expohisto v1.0.0 // indirect
	github.com/linode/linodego v1.69.1 // indirect
	github.com/mackerelio/go-osstat v0.2.5 // indirect
	github.com/mattn/go-colorable v0.1.15 // indirect
	github.com/mattn/go-isatty v0.0.22 // indirect
	github.com/mattn/go-runewidth v0.0.20 // indirect
	github.com/mdlayher/socket v0.6.0 // indirect
	github.com/mdlayher/vsock v1.2.1 // indirect
	github.com/metalmatze/signal v0.0.0-20210307161603-1c9aa721a97a // indirect
	github.com/miekg/dns v1.1.72 // indirect
	github.com/mitchellh/copystructure v1.2.0 // indirect
	github.com/mitchellh/go-homedir v1.1.0 // indirect
	github.com/mitchellh/reflectwalk v1.0.2 // indirect
	github.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
	github.com/modern-go/reflect2 v1.0.3-0.20250322232337-35a7c28c31ee // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/mwitkow/go-conntrack v0.0.0-20190716064945-2f068394615f // indirect
	github.com/natefinch/atomic v1.0.1 // indirect
	github.com/nicolai86/scaleway-sdk v1.10.2-0.20180628010248-798f60e20bb2 // indirect
	github.com/ohler55/ojg v1.28.2 // indirect
	github.com/oklog/run v1.2.0 // indirect
	github.com/oklog/ulid/v2 v2.1.1 // indirect
	github.com/olekukonko/tablewriter v0.0.5 // indirect
	github.com/open-telemetry/opentelemetry-collector-contrib/internal/common v0.155.0 // indirect
	github.com/open-telemetry/opentelemetry-collector-contrib/internal/coreinternal v0.158.0 // indirect
	github.com/open-telemetry/opentelemetry-collector-contrib/internal/exp/metrics v0.154.0 // indirect
	github.com/open-telemetry/opentelemetry-collector-contrib/internal/filter v0.153.0 // indirect
	github.com/open-telemetry/opentelemetry-collector-contrib/internal/k8sconfig v0.155.0 // indirect
	github.com/open-telemetry/opentelemetry-collector-contrib/internal/pdatautil v0.153.0 // indirect
	github.com/open-telemetry/opentelemetry-collector-contrib/internal/sharedcomponent v0.155.0 // indirect
	github.com/open-telemetry/opentelemetry-collector-contrib/pkg/core/xidutils v0.153.0 // indirect
	github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka v0.153.0 // indirect
	github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl v0.153.0 // indirect
	github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatautil v0.158.0 // indirect
	github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza v0.153.0 // indirect
	github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/jaeger v0.153.0 // indirect
	github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/loki v0.153.0 // indirect
	github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/prometheus v0.153.0 // indirect
	github.com/open-telemetry/opentelemetry-collector-contrib/processor/deltatocumulativeprocessor v0.154.0 // indirect
	github.com/open-telemetry/opentelemetry-collector-contrib/processor/k8sattributesprocessor v0.153.0 // indirect
	github.com/open-telemetry/opentelemetry-collector-contrib/processor/transformprocessor v0.153.0 // indirect
	github.com/open-telemetry/opentelemetry-collector-contrib/receiver/jaegerreceiver v0.153.0 // indirect
	github.com/opencontainers/go-digest v1.0.0 // indirect
	github.com/openshift/api v3.9.0+incompatible // indirect
	github.com/openshift/client-go v0.0.0-20251015124057-db0dee36e235 // indirect
	github.com/opentracing-contrib/go-grpc v0.1.2 // indirect
	github.com/opentracing-contrib/go-stdlib v1.1.1 // indirect
	github.com/opentracing/opentracing-go v1.2.1-0.20220228012449-10b1cf09e00b // indirect
	github.com/oschwald/geoip2-golang v1.13.0 // indirect
	github.com/oschwald/maxminddb-golang v1.13.1 // indirect
	github.com/packethost/packngo v0.1.1-0.20180711074735-b9cb5096f54c // indirect
	github.com/pierrec/lz4/v4 v4.1.27 // indirect
	github.com/pires/go-proxyproto v0.8.1 // indirect
	github.com/pjbgf/sha1cd v0.6.0 // indirect
	github.com/pkg/browser v0.0.0-20240102092130-5ac0b6a4141c // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/planetscale/vtprotobuf v0.6.1-0.20250313105119-ba97887b0a25 // indirect
	github.com/pmezard/go-difflib v1.0.1-0.20181226105442-5d4384ee4fb2 // indirect
	github.com/prometheus-community/prom-label-proxy v0.13.0 // indirect
	github.com/prometheus-operator/prometheus-operator v0.91.0 // indirect
	github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring v0.91.0 // indirect
	github.com/prometheus/alertmanager v0.33.0 // indirect
	github.com/prometheus/client_golang v1.23.3-0.20251103151724-a5ae20370e5e // indirect
	github.com/prometheus/client_golang/exp v0.0.0-20260602051030-3537b20ac86b // indirect
	github.com/prometheus/client_model v0.6.2 // indirect
	github.com/prometheus/common v0.70.1 // indirect
	github.com/prometheus/exporter-toolkit v0.16.0 // indirect
	github.com/prometheus/otlptranslator v1.0.0 // indirect
	github.com/prometheus/procfs v0.21.0 // indirect
	github.com/prometheus/prometheus v0.313.2 // indirect
	github.com/prometheus/sigv4 v0.4.1 // indirect
	github.com/puzpuzpuz/xsync/v4 v4.5.0 // indirect
	github.com/renier/xmlrpc v0.0.0-20170708154548-ce4a1a486c03 // indirect
	github.com/rogpeppe/go-internal v1.15.0 // indirect
	github.com/rs/cors v1.11.1 // indirect
	github.com/samber/lo v1.53.0 // indirect
	github.com/sean-/seed v0.0.0-20170313163322-e2103e2c3529 // indirect
	github.com/sercand/kuberesolver/v6 v6.0.1 // indirect
	github.com/sergi/go-diff v1.4.0 // indirect
	github.com/shirou/gopsutil/v4 v4.26.6 // indirect
	github.com/shopspring/decimal v1.4.0 // indirect
	github.com/sirupsen/logrus v1.9.4 // indirect
	github.com/skeema/knownhosts v1.3.1 // indirect
	github.com/softlayer/softlayer-go v0.0.0-20180806151055-260589d94c7d // indirect
	github.com/spf13/cast v1.10.0 // indirect
	github.com/spf13/cobra v1.10.2 // indirect
	github.com/spf13/pflag v1.0.10 // indirect
	github.com/stretchr/testify v1.11.1 // indirect
	github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common v1.0.480 // indirect
	github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/cvm v1.0.480 // indirect
	github.com/twmb/franz-go v1.21.2 // indirect
	github.com/twmb/franz-go/pkg/kmsg v1.13.1 // indirect
	github.com/twmb/franz-go/plugin/kslog v1.0.0 // indirect
	github.com/twmb/murmur3 v1.1.8 // indirect
	github.com/ua-parser/uap-go v0.0.0-20251207011819-db9adb27a0b8 // indirect
	github.com/uber/jaeger-client-go v2.30.0+incompatible // indirect
	github.com/uber/jaeger-lib v2.4.1+incompatible // indirect
	github.com/vmware/govmomi v0.54.0 // indirect
	github.com/x448/float16 v0.8.4 // indirect
	github.com/xanzy/ssh-agent v0.3.3 // indirect
	github.com/zeebo/xxh3 v1.1.0 // indirect
	go.etcd.io/etcd/api/v3 v3.6.7 // indirect
	go.etcd.io/etcd/client/pkg/v3 v3.6.7 // indirect
	go.etcd.io/etcd/client/v3 v3.6.7 // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/collector v0.155.0 // indirect
	go.opentelemetry.io/collector/client v1.61.0 // indirect
	go.opentelemetry.io/collector/component v1.61.0 // indirect
	go.opentelemetry.io/collector/component/componentstatus v0.155.0 // indirect
	go.opentelemetry.io/collector/config/configauth v1.61.0 // indirect
	go.opentelemetry.io/collector/config/configcompression v1.61.0 // indirect
	go.opentelemetry.io/collector/config/configgrpc v0.155.0 // indirect
	go.opentelemetry.io/collector/config/confighttp v0.155.0 // indirect
	go.opentelemetry.io/collector/config/configmiddleware v1.61.0 // indirect
	go.opentelemetry.io/collector/config/confignet v1.61.0 // indirect
	go.opentelemetry.io/collector/config/configopaque v1.61.0 // indirect
	go.opentelemetry.io/collector/config/configoptional v1.61.0 // indirect
	go.opentelemetry.io/collector/config/configretry v1.59.0 // indirect
	go.opentelemetry.io/collector/config/configtelemetry v0.153.0 // indirect
	go.opentelemetry.io/collector/config/configtls v1.61.0 // indirect
	go.opentelemetry.io/collector/confmap v1.61.0 // indirect
	go.opentelemetry.io/collector/confmap/xconfmap v0.155.0 // indirect
	go.opentelemetry.io/collector/consumer v1.61.0 // indirect
	go.opentelemetry.io/collector/consumer/consumererror v0.155.0 // indirect
	go.opentelemetry.io/collector/consumer/consumererror/xconsumererror v0.153.0 // indirect
	go.opentelemetry.io/collector/consumer/xconsumer v0.155.0 // indirect
	go.opentelemetry.io/collector/exporter v1.59.0 // indirect
	go.opentelemetry.io/collector/exporter/exporterhelper v0.153.0 // indirect
	go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper v0.153.0 // indirect
	go.opentelemetry.io/collector/exporter/otlpexporter v0.153.0 // indirect
	go.opentelemetry.io/collector/exporter/otlphttpexporter v0.153.0 // indirect
	go.opentelemetry.io/collector/exporter/xexporter v0.153.0 // indirect
	go.opentelemetry.io/collector/extension v1.59.0 // indirect
	go.opentelemetry.io/collector/extension/extensionauth v1.61.0 // indirect
	go.opentelemetry.io/collector/extension/extensionmiddleware v0.155.0 // indirect
	go.opentelemetry.io/collector/extension/xextension v0.153.0 // indirect
	go.opentelemetry.io/collector/featuregate v1.64.0 // indirect
	go.opentelemetry.io/collector/internal/componentalias v0.155.0 // indirect
	go.opentelemetry.io/collector/internal/memorylimiter v0.153.0 // indirect
	go.opentelemetry.io/collector/internal/sharedcomponent v0.155.0 // indirect
	go.opentelemetry.io/collector/internal/telemetry v0.155.0 // indirect
	go.opentelemetry.io/collector/pdata v1.64.0 // indirect
	go.opentelemetry.io/collector/pdata/pprofile v0.155.0 // indirect
	go.opentelemetry.io/collector/pdata/xpdata v0.158.0 // indirect
	go.opentelemetry.io/collector/pipeline v1.61.0 // indirect
	go.opentelemetry.io/collector/pipeline/xpipeline v0.155.0 // indirect
	go.opentelemetry.io/collector/processor v1.61.0 // indirect
	go.opentelemetry.io/collector/processor/batchprocessor v0.153.0 // indirect
	go.opentelemetry.io/collector/processor/memorylimiterprocessor v0.153.0 // indirect
	go.opentelemetry.io/collector/processor/processorhelper v0.155.0 // indirect
	go.opentelemetry.io/collector/processor/processorhelper/xprocessorhelper v0.155.0 // indirect
	go.opentelemetry.io/collector/processor/xprocessor v0.155.0 // indirect
	go.opentelemetry.io/collector/receiver v1.61.0 // indirect
	go.opentelemetry.io/collector/receiver/otlpreceiver v0.155.0 // indirect
	go.opentelemetry.io/collector/receiver/receiverhelper v0.155.0 // indirect
	go.opentelemetry.io/collector/receiver/xreceiver v0.155.0 // indirect
	go.opentelemetry.io/collector/scraper v0.153.0 // indirect
	go.opentelemetry.io/collector/scraper/scraperhelper v0.153.0 // indirect
	go.opentelemetry.io/collector/service v0.153.0 // indirect
	go.opentelemetry.io/contrib/bridges/otelzap v0.18.0 // indirect
	go.opentelemetry.io/contrib/bridges/prometheus v0.64.0 // indirect
	go.opentelemetry.io/contrib/exporters/autoexport v0.64.0 // indirect
	go.opentelemetry.io/contrib/instrumentation/github.com/gorilla/mux/otelmux v0.45.0 // indirect
	go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc v0.69.0 // indirect
	go.opentelemetry.io/contrib/instrumentation/net/http/httptrace/otelhttptrace v0.69.0 // indirect
	go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp v0.69.0 // indirect
	go.opentelemetry.io/contrib/otelconf v0.24.0 // indirect
	go.opentelemetry.io/contrib/propagators/b3 v1.44.0 // indirect
	go.opentelemetry.io/contrib/propagators/jaeger v1.44.0 // indirect
	go.opentelemetry.io/contrib/samplers/jaegerremote v0.33.0 // indirect
	go.opentelemetry.io/ebpf-profiler v0.0.0-00010101000000-000000000000 // indirect
	go.opentelemetry.io/otel v1.44.0 // indirect
	go.opentelemetry.io/otel/exporters/jaeger v1.17.0 // indirect
	go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc v0.20.0 // indirect
	go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp v0.20.0 // indirect
	go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc v1.44.0 // indirect
	go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp v1.44.0 // indirect
	go.opentelemetry.io/otel/exporters/otlp/otlptrace v1.44.0 // indirect
	go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc v1.44.0 // indirect
	go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp v1.44.0 // indirect
	go.opentelemetry.io/otel/exporters/prometheus v0.66.0 // indirect
	go.opentelemetry.io/otel/exporters/stdout/stdoutlog v0.20.0 // indirect
	go.opentelemetry.io/otel/exporters/stdout/stdoutmetric v1.44.0 // indirect
	go.opentelemetry.io/otel/exporters/stdout/stdouttrace v1.44.0 // indirect
	go.opentelemetry.io/otel/log v0.20.0 // indirect
	go.opentelemetry.io/otel/metric v1.44.0 // indirect
	go.opentelemetry.io/otel/sdk v1.44.0 // indirect
	go.opentelemetry.io/otel/sdk/log v0.20.0 // indirect
	go.opentelemetry.io/otel/sdk/metric v1.44.0 // indirect
	go.opentelemetry.io/otel/trace v1.44.0 // indirect
	go.opentelemetry.io/proto/otlp v1.10.0 // indirect
	go.uber.org/atomic v1.11.0 // indirect
	go.uber.org/goleak v1.3.0 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	go.uber.org/zap v1.28.0 // indirect
	go.yaml.in/yaml/v2 v2.4.4 // indirect
	go.yaml.in/yaml/v3 v3.0.4 // indirect
	golang.org/x/crypto v0.54.0 // indirect
	golang.org/x/exp v0.0.0-20260611194520-c48552f49976 // indirect
	golang.org/x/net v0.57.0 // indirect
	golang.org/x/oauth2 v0.36.0 // indirect
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/term v0.45.0 // indirect
	golang.org/x/text v0.40.0 // indirect
	golang.org/x/time v0.15.0 // indirect
	gonum.org/v1/gonum v0.17.0 // indirect
	google.golang.org/api v0.280.0 // indirect
	google.golang.org/genproto/googleapis/api v0.0.0-20260615183401-62b3387ff324 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260610212136-7ab31c22f7ad // indirect
	google.golang.org/grpc v1.83.0 // indirect
	google.golang.org/protobuf v1.36.11 // indirect
	gopkg.in/evanphx/json-patch.v4 v4.13.0 // indirect
	gopkg.in/inf.v0 v0.9.1 // indirect
	gopkg.in/ini.v1 v1.67.2 // indirect
	gopkg.in/warnings.v0 v0.1.2 // indirect
	gopkg.in/yaml.v2 v2.4.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
	k8s.io/api v0.35.4 // indirect
	k8s.io/apiextensions-apiserver v0.35.4 // indirect
	k8s.io/apimachinery v0.35.4 // indirect
	k8s.io/client-go v0.35.4 // indirect
	k8s.io/klog/v2 v2.140.0 // indirect
	k8s.io/kube-openapi v0.0.0-20260520065146-aa012df4f4af // indirect
	k8s.io/utils v0.0.0-20260507154919-ff6756f316d2 // indirect
	sigs.k8s.io/controller-runtime v0.23.3 // indirect
	sigs.k8s.io/json v0.0.0-20250730193827-2d320260d730 // indirect
	sigs.k8s.io/randfill v1.0.0 // indirect
	sigs.k8s.io/structured-merge-diff/v6 v6.4.0 // indirect
	sigs.k8s.io/yaml v1.6.0 // indirect
)

exclude k8s.io/client-go v8.0.0+incompatible

exclude k8s.io/client-go v12.0.0+incompatible

replace gopkg.in/yaml.v2 => github.com/rfratto/go-yaml v0.0.0-20211119180816-77389c3526dc

replace github.com/Azure/azure-sdk-for-go => github.com/Azure/azure-sdk-for-go v68.0.0+incompatible

replace github.com/Azure/azure-storage-blob-go => github.com/MasslessParticle/azure-storage-blob-go v0.14.1-0.20240322194317-344980fda573

replace github.com/gocql/gocql => github.com/grafana/gocql v0.0.0-20200605141915-ba5dc39ece85

replace github.com/grafana/regexp => github.com/grafana/regexp v0.0.0-20240518133315-a468a5bfb3bc

replace github.com/hashicorp/memberlist => github.com/grafana/memberlist v0.3.1-0.20251126142931-6f9f62ab6f86

replace github.com/prometheus-operator/prometheus-operator => github.com/kgeckhart/prometheus-operator v0.90.2-0.20260511184813-5b1d6bf02253

replace github.com/influxdata/go-syslog/v3 => github.com/leodido/go-syslog/v4 v4.3.0

replace github.com/thanos-io/objstore => github.com/grafana/objstore v0.0.0-20250210100727-533688b5600d

replace github.com/google/cadvisor => github.com/grafana/cadvisor v0.0.0-20260204200106-865a22723970

replace github.com/prometheus-community/postgres_exporter => github.com/grafana/postgres_exporter v0.0.0-20260225165717-9c2c77e3702a

replace github.com/prometheus/mysqld_exporter => github.com/grafana/mysqld_exporter v0.0.0-20260319134024-e0461af8db16

replace github.com/prometheus/node_exporter => github.com/grafana/node_exporter v0.18.1-grafana-r01.0.20251024135609-318b01780c89

replace github.com/prometheus-community/yet-another-cloudwatch-exporter => github.com/kgeckhart/yet-another-cloudwatch-exporter v0.64.1-0.20260629154816-440211eac126

replace github.com/github/smimesign => github.com/grafana/smimesign v0.2.1-0.20220408144937-2a5adf3481d3

replace go.opentelemetry.io/obi => github.com/grafana/opentelemetry-ebpf-instrumentation v1.328.0

replace github.com/openshift/client-go => github.com/openshift/client-go v0.0.0-20251015124057-db0dee36e235

replace github.com/deneonet/benc => github.com/deneonet/benc v1.1.7

replace github.com/opencontainers/runc => github.com/opencontainers/runc v1.2.8

replace sigs.k8s.io/controller-runtime => sigs.k8s.io/controller-runtime v0.20.4

replace github.com/hashicorp/vault/api/auth/aws => github.com/DataDog/vault/api/auth/aws v0.0.0-20250716193101-44fb30472101

replace github.com/DataDog/datadog-agent/pkg/util/system => github.com/DataDog/datadog-agent/pkg/util/system v0.76.0-rc.2

replace go.opentelemetry.io/ebpf-profiler => ./profiler

replace github.com/prometheus/common => github.com/prometheus/common v0.68.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/connector/countconnector => github.com/open-telemetry/opentelemetry-collector-contrib/connector/countconnector v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/connector/servicegraphconnector => github.com/open-telemetry/opentelemetry-collector-contrib/connector/servicegraphconnector v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/connector/spanmetricsconnector => github.com/open-telemetry/opentelemetry-collector-contrib/connector/spanmetricsconnector v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/exporter/awss3exporter => github.com/open-telemetry/opentelemetry-collector-contrib/exporter/awss3exporter v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/exporter/datadogexporter => github.com/open-telemetry/opentelemetry-collector-contrib/exporter/datadogexporter v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/exporter/faroexporter => github.com/open-telemetry/opentelemetry-collector-contrib/exporter/faroexporter v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter => github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/exporter/googlecloudexporter => github.com/open-telemetry/opentelemetry-collector-contrib/exporter/googlecloudexporter v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/exporter/googlecloudpubsubexporter => github.com/open-telemetry/opentelemetry-collector-contrib/exporter/googlecloudpubsubexporter v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/exporter/kafkaexporter => github.com/open-telemetry/opentelemetry-collector-contrib/exporter/kafkaexporter v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/exporter/loadbalancingexporter => github.com/open-telemetry/opentelemetry-collector-contrib/exporter/loadbalancingexporter v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusexporter => github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusexporter v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/exporter/splunkhecexporter => github.com/open-telemetry/opentelemetry-collector-contrib/exporter/splunkhecexporter v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/exporter/syslogexporter => github.com/open-telemetry/opentelemetry-collector-contrib/exporter/syslogexporter v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/extension/basicauthextension => github.com/open-telemetry/opentelemetry-collector-contrib/extension/basicauthextension v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/extension/bearertokenauthextension => github.com/open-telemetry/opentelemetry-collector-contrib/extension/bearertokenauthextension v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/extension/headerssetterextension => github.com/open-telemetry/opentelemetry-collector-contrib/extension/headerssetterextension v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/extension/jaegerremotesampling => github.com/open-telemetry/opentelemetry-collector-contrib/extension/jaegerremotesampling v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/extension/oauth2clientauthextension => github.com/open-telemetry/opentelemetry-collector-contrib/extension/oauth2clientauthextension v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/extension/sigv4authextension => github.com/open-telemetry/opentelemetry-collector-contrib/extension/sigv4authextension v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage => github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/pkg/datadog => github.com/open-telemetry/opentelemetry-collector-contrib/pkg/datadog v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka => github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl => github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest => github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza => github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza v0.149.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/loki => github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/loki v0.158.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/prometheus => github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/prometheus v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/processor/attributesprocessor => github.com/open-telemetry/opentelemetry-collector-contrib/processor/attributesprocessor v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/processor/cumulativetodeltaprocessor => github.com/open-telemetry/opentelemetry-collector-contrib/processor/cumulativetodeltaprocessor v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/processor/deltatocumulativeprocessor => github.com/open-telemetry/opentelemetry-collector-contrib/processor/deltatocumulativeprocessor v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/processor/filterprocessor => github.com/open-telemetry/opentelemetry-collector-contrib/processor/filterprocessor v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/processor/groupbyattrsprocessor => github.com/open-telemetry/opentelemetry-collector-contrib/processor/groupbyattrsprocessor v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/processor/intervalprocessor => github.com/open-telemetry/opentelemetry-collector-contrib/processor/intervalprocessor v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/processor/k8sattributesprocessor => github.com/open-telemetry/opentelemetry-collector-contrib/processor/k8sattributesprocessor v0.155.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/processor/metricstarttimeprocessor => github.com/open-telemetry/opentelemetry-collector-contrib/processor/metricstarttimeprocessor v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/processor/probabilisticsamplerprocessor => github.com/open-telemetry/opentelemetry-collector-contrib/processor/probabilisticsamplerprocessor v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/processor/resourcedetectionprocessor => github.com/open-telemetry/opentelemetry-collector-contrib/processor/resourcedetectionprocessor v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/processor/spanprocessor => github.com/open-telemetry/opentelemetry-collector-contrib/processor/spanprocessor v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor => github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/processor/transformprocessor => github.com/open-telemetry/opentelemetry-collector-contrib/processor/transformprocessor v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/awscloudwatchreceiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/awscloudwatchreceiver v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/awsecscontainermetricsreceiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/awsecscontainermetricsreceiver v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/awss3receiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/awss3receiver v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/cloudflarereceiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/cloudflarereceiver v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/datadogreceiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/datadogreceiver v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/faroreceiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/faroreceiver v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/filelogreceiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/filelogreceiver v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/filestatsreceiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/filestatsreceiver v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/fluentforwardreceiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/fluentforwardreceiver v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/googlecloudpubsubreceiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/googlecloudpubsubreceiver v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/influxdbreceiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/influxdbreceiver v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/jaegerreceiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/jaegerreceiver v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/kafkareceiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/kafkareceiver v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/solacereceiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/solacereceiver v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/splunkhecreceiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/splunkhecreceiver v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/syslogreceiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/syslogreceiver v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/tcplogreceiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/tcplogreceiver v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/vcenterreceiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/vcenterreceiver v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/zipkinreceiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/zipkinreceiver v0.153.0

replace go.opentelemetry.io/collector/client => go.opentelemetry.io/collector/client v1.59.0

replace go.opentelemetry.io/collector/component => go.opentelemetry.io/collector/component v1.59.0

replace go.opentelemetry.io/collector/component/componentstatus => go.opentelemetry.io/collector/component/componentstatus v0.153.0

replace go.opentelemetry.io/collector/component/componenttest => go.opentelemetry.io/collector/component/componenttest v0.153.0

replace go.opentelemetry.io/collector/config/configauth => go.opentelemetry.io/collector/config/configauth v1.59.0

replace go.opentelemetry.io/collector/config/configcompression => go.opentelemetry.io/collector/config/configcompression v1.59.0

replace go.opentelemetry.io/collector/config/configgrpc => go.opentelemetry.io/collector/config/configgrpc v0.153.0

replace go.opentelemetry.io/collector/config/confighttp => go.opentelemetry.io/collector/config/confighttp v0.153.0

replace go.opentelemetry.io/collector/config/confignet => go.opentelemetry.io/collector/config/confignet v1.59.0

replace go.opentelemetry.io/collector/config/configopaque => go.opentelemetry.io/collector/config/configopaque v1.59.0

replace go.opentelemetry.io/collector/config/configoptional => go.opentelemetry.io/collector/config/configoptional v1.59.0

replace go.opentelemetry.io/collector/config/configretry => go.opentelemetry.io/collector/config/configretry v1.59.0

replace go.opentelemetry.io/collector/config/configtelemetry => go.opentelemetry.io/collector/config/configtelemetry v0.153.0

replace go.opentelemetry.io/collector/config/configtls => go.opentelemetry.io/collector/config/configtls v1.59.0

replace go.opentelemetry.io/collector/confmap => go.opentelemetry.io/collector/confmap v1.59.0

replace go.opentelemetry.io/collector/confmap/provider/yamlprovider => go.opentelemetry.io/collector/confmap/provider/yamlprovider v1.59.0

replace go.opentelemetry.io/collector/confmap/xconfmap => go.opentelemetry.io/collector/confmap/xconfmap v0.153.0

replace go.opentelemetry.io/collector/connector => go.opentelemetry.io/collector/connector v0.153.0

replace go.opentelemetry.io/collector/connector/connectortest => go.opentelemetry.io/collector/connector/connectortest v0.153.0

replace go.opentelemetry.io/collector/consumer => go.opentelemetry.io/collector/consumer v1.59.0

replace go.opentelemetry.io/collector/consumer/consumertest => go.opentelemetry.io/collector/consumer/consumertest v0.153.0

replace go.opentelemetry.io/collector/exporter => go.opentelemetry.io/collector/exporter v1.59.0

replace go.opentelemetry.io/collector/exporter/debugexporter => go.opentelemetry.io/collector/exporter/debugexporter v0.153.0

replace go.opentelemetry.io/collector/exporter/exporterhelper => go.opentelemetry.io/collector/exporter/exporterhelper v0.153.0

replace go.opentelemetry.io/collector/exporter/otlpexporter => go.opentelemetry.io/collector/exporter/otlpexporter v0.153.0

replace go.opentelemetry.io/collector/exporter/otlphttpexporter => go.opentelemetry.io/collector/exporter/otlphttpexporter v0.153.0

replace go.opentelemetry.io/collector/extension => go.opentelemetry.io/collector/extension v1.59.0

replace go.opentelemetry.io/collector/extension/extensionauth => go.opentelemetry.io/collector/extension/extensionauth v1.59.0

replace go.opentelemetry.io/collector/extension/extensiontest => go.opentelemetry.io/collector/extension/extensiontest v0.153.0

replace go.opentelemetry.io/collector/extension/xextension => go.opentelemetry.io/collector/extension/xextension v0.153.0

replace go.opentelemetry.io/collector/featuregate => go.opentelemetry.io/collector/featuregate v1.59.0

replace go.opentelemetry.io/collector/otelcol => go.opentelemetry.io/collector/otelcol v0.153.0

replace go.opentelemetry.io/collector/pdata => go.opentelemetry.io/collector/pdata v1.59.0

replace go.opentelemetry.io/collector/pipeline => go.opentelemetry.io/collector/pipeline v1.59.0

replace go.opentelemetry.io/collector/processor => go.opentelemetry.io/collector/processor v1.59.0

replace go.opentelemetry.io/collector/processor/batchprocessor => go.opentelemetry.io/collector/processor/batchprocessor v0.153.0

replace go.opentelemetry.io/collector/processor/memorylimiterprocessor => go.opentelemetry.io/collector/processor/memorylimiterprocessor v0.153.0

replace go.opentelemetry.io/collector/receiver => go.opentelemetry.io/collector/receiver v1.59.0

replace go.opentelemetry.io/collector/receiver/otlpreceiver => go.opentelemetry.io/collector/receiver/otlpreceiver v0.153.0

replace go.opentelemetry.io/collector/receiver/receiverhelper => go.opentelemetry.io/collector/receiver/receiverhelper v0.153.0

replace go.opentelemetry.io/collector/receiver/receivertest => go.opentelemetry.io/collector/receiver/receivertest v0.153.0

replace go.opentelemetry.io/collector/scraper/scraperhelper => go.opentelemetry.io/collector/scraper/scraperhelper v0.149.0

replace go.opentelemetry.io/collector/service => go.opentelemetry.io/collector/service v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/extension/ackextension => github.com/open-telemetry/opentelemetry-collector-contrib/extension/ackextension v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/extension/encoding => github.com/open-telemetry/opentelemetry-collector-contrib/extension/encoding v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/extension/opampcustommessages => github.com/open-telemetry/opentelemetry-collector-contrib/extension/opampcustommessages v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/internal/aws/ecsutil => github.com/open-telemetry/opentelemetry-collector-contrib/internal/aws/ecsutil v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/internal/common => github.com/open-telemetry/opentelemetry-collector-contrib/internal/common v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/internal/coreinternal => github.com/open-telemetry/opentelemetry-collector-contrib/internal/coreinternal v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/internal/datadog => github.com/open-telemetry/opentelemetry-collector-contrib/internal/datadog v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/internal/exp/metrics => github.com/open-telemetry/opentelemetry-collector-contrib/internal/exp/metrics v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/internal/filter => github.com/open-telemetry/opentelemetry-collector-contrib/internal/filter v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/internal/k8sconfig => github.com/open-telemetry/opentelemetry-collector-contrib/internal/k8sconfig v0.149.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/internal/kafka => github.com/open-telemetry/opentelemetry-collector-contrib/internal/kafka v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/internal/metadataproviders => github.com/open-telemetry/opentelemetry-collector-contrib/internal/metadataproviders v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/internal/pdatautil => github.com/open-telemetry/opentelemetry-collector-contrib/internal/pdatautil v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/internal/sharedcomponent => github.com/open-telemetry/opentelemetry-collector-contrib/internal/sharedcomponent v0.149.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/internal/splunk => github.com/open-telemetry/opentelemetry-collector-contrib/internal/splunk v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/pkg/batchperresourceattr => github.com/open-telemetry/opentelemetry-collector-contrib/pkg/batchperresourceattr v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/pkg/batchpersignal => github.com/open-telemetry/opentelemetry-collector-contrib/pkg/batchpersignal v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/pkg/core/xidutils => github.com/open-telemetry/opentelemetry-collector-contrib/pkg/core/xidutils v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/topic => github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/topic v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatautil => github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatautil v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/pkg/resourcetotelemetry => github.com/open-telemetry/opentelemetry-collector-contrib/pkg/resourcetotelemetry v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling => github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/azure => github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/azure v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/faro => github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/faro v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/jaeger => github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/jaeger v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin => github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin v0.153.0

replace go.opentelemetry.io/collector => go.opentelemetry.io/collector v0.153.0

replace go.opentelemetry.io/collector/config/configmiddleware => go.opentelemetry.io/collector/config/configmiddleware v1.59.0

replace go.opentelemetry.io/collector/connector/xconnector => go.opentelemetry.io/collector/connector/xconnector v0.153.0

replace go.opentelemetry.io/collector/consumer/consumererror => go.opentelemetry.io/collector/consumer/consumererror v0.153.0

replace go.opentelemetry.io/collector/consumer/consumererror/xconsumererror => go.opentelemetry.io/collector/consumer/consumererror/xconsumererror v0.153.0

replace go.opentelemetry.io/collector/consumer/xconsumer => go.opentelemetry.io/collector/consumer/xconsumer v0.153.0

replace go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper => go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper v0.153.0

replace go.opentelemetry.io/collector/exporter/exportertest => go.opentelemetry.io/collector/exporter/exportertest v0.153.0

replace go.opentelemetry.io/collector/exporter/xexporter => go.opentelemetry.io/collector/exporter/xexporter v0.153.0

replace go.opentelemetry.io/collector/extension/extensioncapabilities => go.opentelemetry.io/collector/extension/extensioncapabilities v0.153.0

replace go.opentelemetry.io/collector/extension/extensionmiddleware => go.opentelemetry.io/collector/extension/extensionmiddleware v0.153.0

replace go.opentelemetry.io/collector/filter => go.opentelemetry.io/collector/filter v0.153.0

replace go.opentelemetry.io/collector/internal/fanoutconsumer => go.opentelemetry.io/collector/internal/fanoutconsumer v0.153.0

replace go.opentelemetry.io/collector/internal/memorylimiter => go.opentelemetry.io/collector/internal/memorylimiter v0.153.0

replace go.opentelemetry.io/collector/internal/sharedcomponent => go.opentelemetry.io/collector/internal/sharedcomponent v0.153.0

replace go.opentelemetry.io/collector/internal/telemetry => go.opentelemetry.io/collector/internal/telemetry v0.153.0

replace go.opentelemetry.io/collector/pdata/pprofile => go.opentelemetry.io/collector/pdata/pprofile v0.153.0

replace go.opentelemetry.io/collector/pdata/testdata => go.opentelemetry.io/collector/pdata/testdata v0.153.0

replace go.opentelemetry.io/collector/pdata/xpdata => go.opentelemetry.io/collector/pdata/xpdata v0.153.0

replace go.opentelemetry.io/collector/pipeline/xpipeline => go.opentelemetry.io/collector/pipeline/xpipeline v0.153.0

replace go.opentelemetry.io/collector/processor/processorhelper => go.opentelemetry.io/collector/processor/processorhelper v0.153.0

replace go.opentelemetry.io/collector/processor/processorhelper/xprocessorhelper => go.opentelemetry.io/collector/processor/processorhelper/xprocessorhelper v0.153.0

replace go.opentelemetry.io/collector/processor/processortest => go.opentelemetry.io/collector/processor/processortest v0.153.0

replace go.opentelemetry.io/collector/processor/xprocessor => go.opentelemetry.io/collector/processor/xprocessor v0.153.0

replace go.opentelemetry.io/collector/receiver/xreceiver => go.opentelemetry.io/collector/receiver/xreceiver v0.153.0

replace go.opentelemetry.io/collector/scraper => go.opentelemetry.io/collector/scraper v0.149.0

replace go.opentelemetry.io/collector/semconv => go.opentelemetry.io/collector/semconv v0.128.1-0.20250610090210-188191247685

replace go.opentelemetry.io/collector/service/hostcapabilities => go.opentelemetry.io/collector/service/hostcapabilities v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/connector/signaltometricsconnector => github.com/open-telemetry/opentelemetry-collector-contrib/connector/signaltometricsconnector v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/extension/googleclientauthextension => github.com/open-telemetry/opentelemetry-collector-contrib/extension/googleclientauthextension v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/splunk => github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/splunk v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/receiver/nginxreceiver => github.com/open-telemetry/opentelemetry-collector-contrib/receiver/nginxreceiver v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/extension/internal/basicauth => github.com/open-telemetry/opentelemetry-collector-contrib/extension/internal/basicauth v0.153.0

replace github.com/open-telemetry/opentelemetry-collector-contrib/extension/internal/credentialsfile => github.com/open-telemetry/opentelemetry-collector-contrib/extension/internal/credentialsfile v0.153.0

replace go.opentelemetry.io/collector/internal/componentalias => go.opentelemetry.io/collector/internal/componentalias v0.153.0
