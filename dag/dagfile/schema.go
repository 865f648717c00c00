package dagfile

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
)

// schema is a JSON Schema, or a part of one.
type schema = map[string]any

// Schema returns a JSON Schema (draft 7, which editors know best) of DAG files that use
// the operators of c. It accepts what Load accepts, except what Load does not complain
// of and is an error in all likelihood: keys that nobody reads. It cannot know what
// defaults.yml and default_args add, and therefore requires no argument.
func Schema(c *dag.Catalog) ([]byte, error) {
	if c == nil {
		c = dag.NewCatalog()
	}
	defs := scalarDefs()
	maps.Copy(defs, structureDefs())
	defs["dag"] = closed(tableProperties(dagFields), "A DAG.")
	defs["group"] = closed(tableProperties(groupFields), "A task group.")
	defs["task"] = taskSchema(c)
	defs["task_key"] = schema{"enum": append(taskKeys.names(), taskFields.names()...)}
	defs["default_args"] = defaultArgsSchema(c)
	root := schema{
		"$schema":     "http://json-schema.org/draft-07/schema#",
		"title":       "Updraft DAG file",
		"description": "DAGs by their ids, in the format of dag-factory.",
		"type":        "object",
		"properties": schema{
			"default":     schema{"$ref": "#/definitions/dag", "description": "What all DAGs of the file have in common."},
			"task_groups": schema{"description": "Ignored."},
		},
		"patternProperties":    schema{`^(\$|x-)`: true},
		"additionalProperties": schema{"$ref": "#/definitions/dag"},
		"definitions":          defs,
	}
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the JSON Schema of DAG files: %w", err)
	}
	return append(out, '\n'), nil
}

// closed is a mapping that has no other keys than these.
func closed(properties schema, doc string) schema {
	return schema{"type": []string{"object", "null"}, "description": doc, "properties": properties, "additionalProperties": false}
}

func ref(name string) schema { return schema{"$ref": "#/definitions/" + name} }

func anyOf(parts ...schema) schema { return schema{"anyOf": parts} }

func typed(names ...string) schema { return schema{"type": names} }

// defName is the definition of a type of key.
func defName(t fieldType) string { return strings.ReplaceAll(string(t), " ", "_") }

// scalarDefs are the types of keys and arguments that do not nest. Each also takes null,
// a Python object, and a text with an environment variable, which is expanded before
// the file is read.
func scalarDefs() schema {
	loose := func(parts ...schema) schema { return anyOf(append(parts, ref("object"), ref("environment"))...) }
	text := typed("string")
	texts := schema{"type": "array", "items": typed("string")}
	return schema{
		"object": schema{
			"description": "A Python object, such as {__type__: datetime.timedelta, minutes: 5}, or texts or assets put together.",
			"type":        "object",
			"anyOf":       []schema{{"required": []string{typeKey}}, {"required": []string{andKey}}, {"required": []string{orKey}}, {"required": []string{joinKey}}},
			"properties": schema{
				typeKey: schema{"type": "string", "pattern": `\.`, "description": "Import path of the class."},
				argsKey: schema{"type": "array", "description": "Positional arguments."},
				andKey:  schema{"type": "array"}, orKey: schema{"type": "array"}, joinKey: schema{"type": "array"},
			},
		},
		"environment":       schema{"type": "string", "pattern": `\$(\w|\{)`},
		"template":          schema{"type": "string", "pattern": `\{[{%#]`},
		defName(typeAny):    schema{},
		defName(typeText):   loose(typed("string", "null")),
		defName(typeInt):    loose(typed("integer", "null")),
		defName(typeNumber): loose(typed("number", "boolean", "null")),
		// The file is YAML 1.1, most editors are of 1.2.
		defName(typeBool):      loose(typed("boolean", "null"), schema{"enum": []string{"yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF"}}),
		defName(typeTexts):     loose(texts, text, typed("null")),
		defName(typeTextOr):    loose(texts, text, typed("null")),
		defName(typeDict):      loose(typed("object", "null")),
		"list":                 loose(typed("array", "null")),
		defName(typeSeconds):   loose(typed("number", "null")),
		defName(typeTimedelta): loose(typed("null")),
		defName(typeDate):      loose(text, typed("null")),
		defName(typeCallable):  loose(text, typed("null")),
	}
}

// structureDefs are the types of keys that nest.
func structureDefs() schema {
	listOf := func(def string) schema { return schema{"type": "array", "items": ref(def)} }
	quantity := anyOf(typed("number", "null"), schema{"type": "string"})
	resources := schema{"node_selector": ref(defName(typeDict)), "tolerations": ref("list")}
	for _, key := range resourceKeys() {
		if resources[key] == nil {
			resources[key] = quantity
		}
	}
	resources["ephemeral-storage"] = quantity
	return schema{
		defName(typeSchedule): anyOf(typed("string", "null"), listOf("asset"), ref("object")),
		"asset":               anyOf(typed("string", "null"), ref("object")),
		defName(typeAssets):   anyOf(ref("asset"), listOf("asset")),
		defName(typeParams):   schema{"type": []string{"object", "null"}, "description": "Values or {__type__: airflow.sdk.Param, …} by name."},
		"one_callback": anyOf(typed("string"), ref("object"),
			schema{"type": "object", "required": []string{"callback"}, "properties": schema{"callback": typed("string")}},
			schema{"type": "object", "required": []string{"command"}, "properties": schema{"command": listOf(defName(typeText))}, "additionalProperties": false},
			schema{"type": "object", "required": []string{"webhook"}, "properties": schema{"webhook": typed("string")}, "additionalProperties": false}),
		defName(typeCallback):  anyOf(ref("one_callback"), listOf("one_callback"), typed("null")),
		defName(typeDeadline):  anyOf(ref("one_deadline"), listOf("one_deadline"), typed("null")),
		"one_deadline":         deadlineDef(),
		defName(typeResources): closed(resources, "What the task needs."),
		defName(typeTexted): schema{"type": []string{"array", "null"}, "items": schema{
			"type": "object", "required": []string{"variable", "attribute"}, "properties": schema{"variable": typed("string"), "attribute": typed("string")},
		}},
		defName(typeExpand): anyOf(typed("object", "array", "string"), ref("object")),
		defName(typeTasks):  members("task", "task_id"),
		defName(typeGroups): members("group", "group_name"),
	}
}

// deadlineDef is one deadline.
func deadlineDef() schema {
	return anyOf(ref("object"), schema{
		"type": "object", "required": deadlineKeys[:3], "additionalProperties": false,
		"properties": schema{
			"reference":   schema{"description": "What it counts from: queued_at, logical_date, average_runtime or a date.", "type": "string"},
			"interval":    ref(defName(typeSeconds)),
			"callback":    ref(defName(typeCallback)),
			"name":        typed("string", "null"),
			"description": typed("string", "null"),
			"limit":       schema{"description": "For average_runtime: the average of how many runs.", "type": []string{"integer", "null"}},
			"min_runs":    schema{"description": "For average_runtime: how many runs there have to be.", "type": []string{"integer", "null"}},
		},
	})
}

// members are tasks or groups: a mapping by name, or a list whose entries have it.
func members(def, id string) schema {
	return anyOf(
		schema{"type": "object", "additionalProperties": ref(def)},
		schema{"type": "array", "items": schema{"allOf": []schema{ref(def), {"required": []string{id}}}}},
		typed("null"),
	)
}

// tableProperties are the keys of a table, except those that are always an error.
func tableProperties[T any](table fields[T]) schema {
	out := schema{}
	for i := range table.list {
		f := &table.list[i]
		if f.refused {
			continue
		}
		p := ref(defName(f.typ))
		if len(f.enum) > 0 {
			p = anyOf(schema{"enum": f.enum}, ref("environment"), typed("null"))
		}
		p["description"] = f.doc
		if f.ours {
			p["description"] = f.doc + " Updraft only: dag-factory ignores it."
		}
		out[f.name] = p
	}
	return out
}

// taskSchema depends on the task's operator: each takes its own arguments.
func taskSchema(c *dag.Catalog) schema {
	common := tableProperties(taskKeys)
	maps.Copy(common, tableProperties(taskFields))
	paths := c.Paths()
	slices.Sort(paths)
	common["operator"] = schema{"description": "Import path of the operator.", "enum": paths}
	var rules []schema
	for _, s := range c.Specs() {
		names := slices.DeleteFunc(append([]string{s.Class}, s.Aliases...), func(p string) bool { return c.Lookup(p) != s })
		if len(names) == 0 {
			continue
		}
		then := schema{"description": s.Doc, "propertyNames": ref("task_key")}
		if args := argProperties(s); len(args) > 0 {
			then["properties"] = args
			then["propertyNames"] = anyOf(ref("task_key"), schema{"enum": slices.Sorted(maps.Keys(args))})
		}
		rules = append(rules, schema{
			"if":   schema{"required": []string{"operator"}, "properties": schema{"operator": schema{"enum": names}}},
			"then": then,
		})
	}
	// An argument of an operator that has the name of a common key is the operator's.
	for _, s := range c.Specs() {
		for _, a := range s.Args {
			if common[a.Name] != nil && a.Name != "operator" {
				common[a.Name] = schema{}
			}
		}
	}
	out := schema{
		"type": "object", "description": "A task.", "properties": common,
		"oneOf": []schema{{"required": []string{"operator"}}, {"required": []string{"decorator"}}},
	}
	if len(rules) > 0 {
		out["allOf"] = rules
	}
	return out
}

// argProperties are the arguments of an operator, and those of all sensors if it is one.
func argProperties(s *dag.OperatorSpec) schema {
	out := schema{}
	if s.Kind == dag.OperatorSensor {
		for _, a := range sensorArgs() {
			out[a.Name] = argSchema(&a)
		}
	}
	for i := range s.Args {
		a := &s.Args[i]
		out[a.Name] = argSchema(a)
		if a.Type == dag.ArgCallable {
			stem := callableStem(a)
			out[stem+"_name"] = schema{"type": "string", "description": "Function of " + stem + "_file."}
			out[stem+"_file"] = schema{"type": "string", "description": "Absolute path of the file of " + stem + "_name."}
			out[stem+"_lambda"] = schema{"type": "string", "description": "A lambda expression in place of " + a.Name + "."}
		}
	}
	return out
}

func argSchema(a *dag.ArgSpec) schema {
	types := map[dag.ArgType]fieldType{
		dag.ArgString: typeText, dag.ArgStrings: typeTextOr, dag.ArgInt: typeInt, dag.ArgNumber: typeNumber, dag.ArgBool: typeBool,
		dag.ArgList: "list", dag.ArgDict: typeDict, dag.ArgDuration: typeSeconds, dag.ArgTime: typeDate, dag.ArgCallable: typeCallable,
	}
	name, ok := types[a.Type]
	if !ok {
		name = typeAny
	}
	out := ref(defName(name))
	switch {
	case len(a.Enum) > 0:
		out = anyOf(schema{"enum": a.Enum}, ref("template"), ref("environment"), ref("object"), typed("null"))
	case a.Templated, a.Type == dag.ArgDuration:
		// A template, or words such as "2 hours".
		out = anyOf(out, typed("string"))
	}
	if a.Doc != "" {
		out["description"] = a.Doc
	}
	switch v := a.Default.(type) {
	case time.Duration:
		out["default"] = v.Seconds()
	case bool, string, int, int64, float64:
		out["default"] = v
	}
	return out
}

// defaultArgsSchema takes the arguments of every operator.
func defaultArgsSchema(c *dag.Catalog) schema {
	properties := tableProperties(taskFields)
	properties["timezone"] = schema{"type": "string", "description": "Time zone of the dates here."}
	for _, s := range c.Specs() {
		for name := range argProperties(s) {
			if properties[name] == nil {
				properties[name] = true
			}
		}
	}
	return closed(properties, "Values for all tasks that do not say otherwise.")
}
