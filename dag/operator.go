package dag

// OperatorSpec says what an operator is called and which arguments it takes. The
// loader checks files against it, the runtime renders by it, the documentation and
// the JSON Schema for editors are generated from it.
type OperatorSpec struct {
	// Class is the import path in Airflow 3, the one that is stored.
	Class string
	// Aliases are the other import paths it answers to (2.x, deprecated modules).
	Aliases []string
	// Doc is one sentence for people.
	Doc string
	// Args are its own arguments; those of every task are not repeated here.
	Args []ArgSpec
	// TemplateExt are the endings that make a templated text a file name.
	TemplateExt []string
	Kind        OperatorKind
	// Quiet says that an attempt that succeeds without a word leaves no log.
	Quiet bool
}

// OperatorKind says what the scheduler or the loader has to know of an operator.
type OperatorKind string

// The kinds of operators.
const (
	OperatorPlain  OperatorKind = ""
	OperatorInert  OperatorKind = "inert" // does nothing: EmptyOperator
	OperatorSensor OperatorKind = "sensor"
	OperatorBranch OperatorKind = "branch" // chooses among its downstream
)

// ArgType is the type of an operator's argument.
type ArgType string

// The types of arguments. A templated argument also takes a template text.
const (
	ArgAny      ArgType = "any"
	ArgString   ArgType = "string"
	ArgStrings  ArgType = "strings" // a text or a list of texts
	ArgInt      ArgType = "int"
	ArgNumber   ArgType = "number"
	ArgBool     ArgType = "bool"
	ArgList     ArgType = "list"
	ArgDict     ArgType = "dict"
	ArgDuration ArgType = "duration" // a timedelta or a number of seconds
	ArgTime     ArgType = "time"
	ArgCallable ArgType = "callable"
)

// ArgSpec describes one argument.
type ArgSpec struct {
	Name      string
	Type      ArgType
	Required  bool
	Templated bool
	// Default is what an absent argument means, for documentation; nil is none.
	Default any
	// Enum lists the texts allowed, if not all are.
	Enum []string
	Doc  string
}

// TemplateFields are the names of the templated arguments, in order.
func (s *OperatorSpec) TemplateFields() []string {
	var out []string
	for _, a := range s.Args {
		if a.Templated {
			out = append(out, a.Name)
		}
	}
	return out
}

// Arg returns the argument with this name, or nil.
func (s *OperatorSpec) Arg(name string) *ArgSpec {
	for i := range s.Args {
		if s.Args[i].Name == name {
			return &s.Args[i]
		}
	}
	return nil
}

// Catalog is the set of operators an installation knows, by import path.
type Catalog struct {
	byPath map[string]*OperatorSpec
	all    []*OperatorSpec
}

// NewCatalog returns a catalog of specs; a path that is there twice keeps the first.
func NewCatalog(specs ...OperatorSpec) *Catalog {
	c := &Catalog{byPath: make(map[string]*OperatorSpec)}
	for i := range specs {
		s := &specs[i]
		c.all = append(c.all, s)
		for _, p := range append([]string{s.Class}, s.Aliases...) {
			if _, taken := c.byPath[p]; !taken {
				c.byPath[p] = s
			}
		}
	}
	return c
}

// Lookup returns the operator with this import path or alias, or nil.
func (c *Catalog) Lookup(path string) *OperatorSpec { return c.byPath[path] }

// Specs returns all operators in the order they were given.
func (c *Catalog) Specs() []*OperatorSpec { return c.all }

// Paths returns every import path known, aliases included, in no order.
func (c *Catalog) Paths() []string {
	out := make([]string, 0, len(c.byPath))
	for p := range c.byPath {
		out = append(out, p)
	}
	return out
}
