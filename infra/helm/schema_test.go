package helm_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/updraft-dev/updraft/config"
)

type schema map[string]any

// kubernetesTypes are the types of Kubernetes that comments in values.yaml may name.
func kubernetesTypes() map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for _, v := range []any{
		appsv1.DeploymentStrategy{},
		autoscalingv2.MetricSpec{}, autoscalingv2.HorizontalPodAutoscalerBehavior{},
		corev1.Affinity{}, corev1.Container{}, corev1.EnvFromSource{}, corev1.EnvVar{}, corev1.HostAlias{}, corev1.LimitRangeItem{},
		corev1.LocalObjectReference{}, corev1.PodSecurityContext{}, corev1.ResourceRequirements{}, corev1.SecurityContext{}, corev1.Toleration{},
		corev1.TopologySpreadConstraint{}, corev1.Volume{}, corev1.VolumeMount{},
		networkingv1.NetworkPolicyEgressRule{}, networkingv1.NetworkPolicyPeer{},
	} {
		out[reflect.TypeOf(v).Name()] = reflect.TypeOf(v)
	}
	return out
}

// elsewhere are the settings that have values of their own, or follow from what the chart makes.
var elsewhere = []string{"home", "context", "executor", "listen"}

// configurable are the names that the value config may have.
func configurable(t *testing.T) []string {
	t.Helper()
	c, err := config.Load(config.Input{Lookup: func(string) (string, bool) { return "", false }, UserHome: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range c.Settings() {
		out = append(out, s.Name)
	}
	for _, name := range append(chartSettings(t), elsewhere...) {
		i := slices.Index(out, name)
		if i < 0 {
			t.Fatalf("the chart sets %s, which is no setting", name)
		}
		out = slices.Delete(out, i, i+1)
	}
	return out
}

var chartSetting = regexp.MustCompile(`UPDRAFT_KUBERNETES_[A-Z_]+`)

// chartSettings are the settings that the chart makes from other values.
func chartSettings(t *testing.T) (out []string) {
	t.Helper()
	for _, name := range []string{"_settings.tpl", "settings.yaml"} {
		for _, env := range chartSetting.FindAllString(read(t, chart+"/templates/"+name), -1) {
			out = append(out, strings.ToLower(strings.TrimPrefix(env, "UPDRAFT_")))
		}
	}
	return out
}

// writer makes a JSON schema.
type writer struct {
	t           *testing.T
	types       map[string]reflect.Type
	definitions schema
}

func closed(properties schema) schema {
	return schema{"type": "object", "additionalProperties": false, "properties": properties}
}

func mapOf(value schema) schema { return schema{"type": "object", "additionalProperties": value} }

func text() schema { return schema{"type": "string"} }

// whole is the schema of values.yaml.
func (w *writer) whole(entries []entry) schema {
	root := closed(schema{})
	for _, e := range entries {
		parent := root
		for _, key := range e.path[:len(e.path)-1] {
			parent = parent["properties"].(schema)[key].(schema)
		}
		s := closed(schema{})
		if !e.group {
			s = w.typed(e.typ, e.def)
		}
		if e.doc != "" {
			s = withDoc(s, e.doc)
		}
		parent["properties"].(schema)[e.path[len(e.path)-1]] = s
	}
	// Helm gives every chart this value.
	root["properties"].(schema)["global"] = schema{"type": "object"}
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "Values of Updraft's chart"
	root["definitions"] = w.definitions
	return root
}

// withDoc describes a schema; a reference says nothing beside itself in draft 7.
func withDoc(s schema, doc string) schema {
	if s["$ref"] != nil {
		s = schema{"allOf": []any{s}}
	}
	s["description"] = doc
	return s
}

func (w *writer) typed(typ string, def any) schema {
	if element, ok := strings.CutPrefix(typ, "[]"); ok {
		return schema{"type": "array", "items": w.typed(element, nil)}
	}
	if strings.Contains(typ, "|") {
		return schema{"enum": strings.Split(typ, "|")}
	}
	switch typ {
	case "":
		return w.ofDefault(def)
	case "map":
		return mapOf(text())
	case "map of Quantity":
		return mapOf(w.reflected(reflect.TypeFor[resource.Quantity]()))
	case "free":
		return schema{"type": "object"}
	case "Quantity":
		return w.reflected(reflect.TypeFor[resource.Quantity]())
	case "secret":
		s := closed(schema{"envName": text(), "secretName": text(), "secretKey": text()})
		s["required"] = []string{"envName", "secretName", "secretKey"}
		return s
	case "settings":
		properties := schema{}
		for _, name := range configurable(w.t) {
			properties[name] = schema{"type": []string{"string", "integer", "boolean"}}
		}
		return closed(properties)
	case "budget":
		s := w.reflected(reflect.TypeFor[policyv1.PodDisruptionBudgetSpec]())
		return s
	case "probe":
		properties := schema{"path": text()}
		for _, name := range []string{"initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"} {
			properties[name] = schema{"type": "integer", "minimum": 0}
		}
		return closed(properties)
	}
	t, ok := w.types[typ]
	if !ok {
		w.t.Errorf("values.yaml names the type %s, which is none", typ)
		return schema{}
	}
	return w.reflected(t)
}

func (w *writer) ofDefault(def any) schema {
	switch def.(type) {
	case bool:
		return schema{"type": "boolean"}
	case uint64, int64, int:
		return schema{"type": "integer", "minimum": 0}
	case string:
		return text()
	}
	w.t.Errorf("the default %v (%T) shows no type: write one into the comment", def, def)
	return schema{}
}

// reflected is the schema of a type of Kubernetes, by reference if it is an object.
func (w *writer) reflected(t reflect.Type) schema {
	switch t {
	case reflect.TypeFor[resource.Quantity]():
		return schema{"type": []string{"string", "number"}}
	case reflect.TypeFor[intstr.IntOrString]():
		return schema{"type": []string{"string", "integer"}}
	case reflect.TypeFor[metav1.Time]():
		return text()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return w.reflected(t.Elem())
	case reflect.String:
		return text()
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return text()
		}
		return schema{"type": "array", "items": w.reflected(t.Elem())}
	case reflect.Map:
		return mapOf(w.reflected(t.Elem()))
	case reflect.Struct:
		return w.object(t)
	default:
		return schema{"type": "integer"}
	}
}

func (w *writer) object(t reflect.Type) schema {
	name := filepath.Base(filepath.Dir(t.PkgPath())) + "." + t.Name()
	if w.definitions[name] == nil {
		s := closed(schema{})
		w.definitions[name] = s // before its fields, which may lead back to it
		required := w.fields(t, s["properties"].(schema))
		if len(required) > 0 {
			s["required"] = required
		}
	}
	return schema{"$ref": "#/definitions/" + name}
}

// fields adds the fields of a struct, and returns those that must be there: Kubernetes
// leaves omitempty away from them.
func (w *writer) fields(t reflect.Type, properties schema) (required []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if strings.Contains(options, "inline") || name == "" && f.Anonymous {
			required = append(required, w.fields(f.Type, properties)...)
			continue
		}
		if name == "" || name == "-" {
			continue
		}
		properties[name] = w.reflected(f.Type)
		if !strings.Contains(options, "omit") {
			required = append(required, name)
		}
	}
	return required
}

// TestSchema holds values.schema.json to values.yaml.
func TestSchema(t *testing.T) {
	t.Parallel()
	w := &writer{t: t, types: kubernetesTypes(), definitions: schema{}}
	got, err := json.MarshalIndent(w.whole(values(t)), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, chart+"/values.schema.json", string(got)+"\n")
}

// TestSchemaRefuses: what is written wrong is refused, wherever it is.
func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	for name, text := range map[string]string{
		"a typo at the top":        "exector: kubernetes",
		"a typo in a group":        "controller: {replica: 2}",
		"a setting that is none":   "config: {paralelism: 4}",
		"a setting of the chart's": "config: {kubernetes_runner_image: other}",
		"an executor":              "executor: KubernetesExecutor",
		"a type":                   "controller: {replicas: two}",
		"deep in an affinity":      "affinity: {nodeAffinity: {requiredDuringScheduling: {}}}",
		"a toleration":             "workers: {kubernetes: {tolerations: [{effect: NoSchedule, operater: Exists}]}}",
		"a container":              "controller: {extraContainers: [{image: x}]}",
		"a password in the values": "settingsSecret: {UPDRAFT_STORE: x}",
		"a secret without a key":   "secret: [{envName: A, secretName: b}]",
		"a probe":                  "controller: {livenessProbe: {httpGet: {path: /}}}",
	} {
		if err := s.Validate(decoded(t, text)); err == nil {
			t.Errorf("%s is not refused: %s", name, text)
		}
	}
}

// TestSchemaAllows: the defaults, the examples, and what Kubernetes allows are fine.
func TestSchemaAllows(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	texts := map[string]string{
		"defaults":  read(t, chart+"/values.yaml"),
		"quantity":  "quotas: {pods: 20, requests.memory: 4Gi}",
		"affinity":  "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}]}}}",
		"volumes":   "workers: {kubernetes: {extraVolumes: [{name: a, secret: {secretName: b, defaultMode: 256}}, {name: c, emptyDir: {sizeLimit: 1Gi}}]}}",
		"variables": "env: [{name: A, value: b}, {name: C, valueFrom: {secretKeyRef: {name: d, key: e}}}]",
		"settings":  "config: {parallelism: 4, strict: true, store: 'dynamodb://updraft'}",
	}
	examples, err := filepath.Glob(chart + "/examples/*.yaml")
	if err != nil || len(examples) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, name := range examples {
		texts[name] = read(t, name)
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if err := s.Validate(decoded(t, texts[name])); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(read(t, chart+"/values.schema.json")))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("values.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// decoded is YAML as the values of JSON.
func decoded(t *testing.T, text string) any {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
