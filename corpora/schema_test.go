package corpora

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// resolved puts what $defs hold in the place of references to them.
func resolved(schema map[string]any) map[string]any {
	defs, _ := schema["$defs"].(map[string]any)
	var resolve func(v any) any
	resolve = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				def, ok := defs[strings.TrimPrefix(ref, "#/$defs/")]
				if !ok || len(v) != 1 {
					panic("the reference " + ref + " leads nowhere")
				}
				return resolve(def)
			}
			m := map[string]any{}
			for key, inner := range v {
				m[key] = resolve(inner)
			}
			return m
		case []any:
			list := make([]any, len(v))
			for i := range v {
				list[i] = resolve(v[i])
			}
			return list
		}
		return v
	}
	return resolve(schema).(map[string]any)
}

// satisfies checks the part of JSON Schema 2020-12 that the published schemas
// use; a keyword it does not know is an error, so that none goes unchecked.
func satisfies(schema map[string]any, v any, at string) error {
	for key, arg := range schema {
		if err := keyword(schema, key, arg, v, at); err != nil {
			return err
		}
	}
	return nil
}

func keyword(schema map[string]any, key string, arg, v any, at string) error {
	wrong := func() error { return fmt.Errorf("%s: %v breaks %s %v", at, v, key, arg) }
	number, isNumber := v.(float64)
	object, isObject := v.(map[string]any)
	list, isList := v.([]any)
	switch key {
	case "$schema", "title", "description", "default", "$defs":
	case "type":
		types, many := arg.([]any)
		if !many {
			types = []any{arg}
		}
		if !slices.ContainsFunc(types, func(k any) bool { return hasType(v, k.(string)) }) {
			return wrong()
		}
	case "const":
		if v != arg {
			return wrong()
		}
	case "enum":
		if !slices.Contains(arg.([]any), v) {
			return wrong()
		}
	case "minimum":
		if isNumber && number < arg.(float64) {
			return wrong()
		}
	case "maximum":
		if isNumber && number > arg.(float64) {
			return wrong()
		}
	case "exclusiveMinimum":
		if isNumber && number <= arg.(float64) {
			return wrong()
		}
	case "exclusiveMaximum":
		if isNumber && number >= arg.(float64) {
			return wrong()
		}
	case "pattern":
		if s, ok := v.(string); ok && !regexp.MustCompile(arg.(string)).MatchString(s) {
			return wrong()
		}
	case "minItems":
		if isList && len(list) < int(arg.(float64)) {
			return wrong()
		}
	case "maxItems":
		if isList && len(list) > int(arg.(float64)) {
			return wrong()
		}
	case "minProperties":
		if isObject && len(object) < int(arg.(float64)) {
			return wrong()
		}
	case "maxProperties":
		if isObject && len(object) > int(arg.(float64)) {
			return wrong()
		}
	case "uniqueItems":
		for i := range list {
			if slices.Contains(list[:i], list[i]) {
				return wrong()
			}
		}
	case "items":
		for i, item := range list {
			if err := satisfies(arg.(map[string]any), item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case "required":
		for _, name := range arg.([]any) {
			if _, ok := object[name.(string)]; isObject && !ok {
				return fmt.Errorf("%s: %v is missing", at, name)
			}
		}
	case "properties":
		for name, sub := range arg.(map[string]any) {
			if value, ok := object[name]; ok {
				if err := satisfies(sub.(map[string]any), value, at+"."+name); err != nil {
					return err
				}
			}
		}
	case "additionalProperties":
		known, _ := schema["properties"].(map[string]any)
		for name, value := range object {
			if _, ok := known[name]; ok {
				continue
			}
			sub, typed := arg.(map[string]any)
			if !typed {
				return fmt.Errorf("%s: unknown property %q", at, name)
			}
			if err := satisfies(sub, value, at+"."+name); err != nil {
				return err
			}
		}
	case "anyOf":
		if !slices.ContainsFunc(arg.([]any), func(s any) bool { return satisfies(s.(map[string]any), v, at) == nil }) {
			return wrong()
		}
	default:
		return fmt.Errorf("the schema has the keyword %q, which this test does not know", key)
	}
	return nil
}

func hasType(v any, name string) bool {
	switch v := v.(type) {
	case float64:
		return name == "number" || name == "integer" && v == math.Trunc(v)
	case string:
		return name == "string"
	case bool:
		return name == "boolean"
	case nil:
		return name == "null"
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	}
	return false
}

func decodeJSON(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// yamlAsJSON reads YAML by the library's own decoder.
func yamlAsJSON(t *testing.T, src []byte) map[string]any {
	t.Helper()
	b, err := yaml.YAMLToJSON(src)
	if err != nil {
		t.Fatal(err)
	}
	return decodeJSON(t, b)
}

func TestSpecSchema(t *testing.T) {
	schema := resolved(decodeJSON(t, SpecSchema()))
	for _, name := range Builtin() {
		src, err := Source(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := satisfies(schema, yamlAsJSON(t, src), name); err != nil {
			t.Error(err)
		}
	}
	for _, good := range []string{mixed, layered} {
		if err := satisfies(schema, yamlAsJSON(t, []byte(good)), "good"); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{
		strings.Replace(small, "lr: 0.1", "lrr: 0.1", 1), strings.Replace(small, "lr: 0.1", "lr: 0", 1), strings.Replace(small, "lr: 0.1", "lr: x", 1),
		strings.Replace(small, "depth: [1, 2]", "depth: [1, 1]", 1), strings.Replace(small, "depth: [1, 2]", "depth: []", 1), strings.Replace(small, "depth: [1, 2]", "depth: 1", 1),
		strings.Replace(small, "sgd", "adamw", 1), strings.Replace(small, "name: small\n", "", 1), small + "more: 1\n", strings.Replace(small, "width: 8", "width: 8.5", 1),
		strings.Replace(mixed, "mlp: {network", "mlp: {netwrk", 1), strings.Replace(mixed, "{when: {network: [vgg, resnet], label_shuffle: 0.5}, ", "{", 1),
		strings.Replace(layered, "- batchnorm", "- batchnrm", 1), strings.Replace(layered, "dropout: 0.25", "dropout: 1", 1), strings.Replace(layered, "channels: 4, ", "", 1),
		strings.Replace(layered, "{dense: 5}", "{dense: 5, relu: {}}", 1), strings.Replace(layered, "dense: classes", "dense: outputs", 1),
	} {
		if satisfies(schema, yamlAsJSON(t, []byte(bad)), "bad") == nil {
			t.Errorf("the schema takes\n%s", bad)
		}
		if _, err := ParseSpec("bad", []byte(bad)); err == nil {
			t.Errorf("the parser takes\n%s", bad)
		}
	}
}

// TestSpecSchemaKnowsEveryHyperparameter and their bounds.
func TestSpecSchemaKnowsEveryHyperparameter(t *testing.T) {
	top := resolved(decodeJSON(t, SpecSchema()))["properties"].(map[string]any)
	inner := func(section string) map[string]any {
		return top[section].(map[string]any)["properties"].(map[string]any)
	}
	count := 0
	for _, section := range []string{"data", "network", "training"} {
		count += len(inner(section))
	}
	if want := len(hypers()) + 2; count != want { // widths and layers are no hyperparameters
		t.Errorf("%d in the sections of the schema, %d in the program", count, want)
	}
	for _, h := range hypers() {
		fixed, ok := inner(h.section)[h.name].(map[string]any)
		axis, ok2 := inner("axes")[h.name].(map[string]any)
		if !ok || !ok2 {
			t.Errorf("%s is missing", h.name)
			continue
		}
		for _, v := range []Value{Number(h.min), Number(h.max), Number(h.min - 1), Number(h.max + 1), Number(0.5), Truth(true), Text("x"), h.def} {
			b, _ := json.Marshal(v)
			var plain any
			if err := json.Unmarshal(b, &plain); err != nil {
				t.Fatal(err)
			}
			_, _, ours := h.check(v)
			theirs := satisfies(fixed, plain, h.name) == nil
			inAxis := satisfies(axis, []any{plain}, h.name) == nil
			if ours != theirs || ours != inAxis {
				t.Errorf("%s: %v: parser %v, schema %v, as an axis %v", h.name, v, ours, theirs, inAxis)
			}
		}
	}
}

func TestRecordSchema(t *testing.T) {
	schema := decodeJSON(t, RecordSchema())
	full := map[string]any{"required": schema["$defs"].(map[string]any)["storeRequires"].(map[string]any)["required"]}
	s, nets := trainedStore(t)
	for _, n := range nets {
		b, err := os.ReadFile(s.path(n.ID, recordName))
		if err != nil {
			t.Fatal(err)
		}
		m := decodeJSON(t, b)
		if err := satisfies(schema, m, n.ID); err != nil {
			t.Error(err)
		}
		if err := satisfies(full, m, n.ID); err != nil {
			t.Error(err)
		}
		// Every field that a store's record has is in the schema; the schema has
		// no more than the ones that may be absent.
		optional := []string{"family", "stem", "group_size", "changed_indices", "train_labels", "input_mean", "input_std", "split_indices", "gradient_noise_1", "gradient_noise_final"}
		for name := range schema["properties"].(map[string]any) {
			if _, ok := m[name]; !ok && !slices.Contains(optional, name) {
				t.Errorf("%s: the record lacks %q", n.ID, name)
			}
		}
	}
	zoo, err := filepath.Glob("importer/testdata/zoo/*/record.json")
	if err != nil || len(zoo) != 4 {
		t.Fatalf("records to import: %v, %v", zoo, err)
	}
	for _, path := range zoo {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := satisfies(schema, decodeJSON(t, b), path); err != nil {
			t.Error(err)
		}
	}
}
