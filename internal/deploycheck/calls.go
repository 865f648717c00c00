package deploycheck

import (
	"errors"
	"fmt"
	"go/types"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/ssa/ssautil"
)

const (
	module = "github.com/updraft-dev/updraft"
	sdk    = "github.com/aws/aws-sdk-go-v2/"
)

// Calls are the operations of AWS that a program can get to, such as dynamodb:Query, each
// with one way that leads there.
type Calls map[string][]string

// Program is this module's code, to be asked what of it a main can get to.
type Program struct {
	prog  *ssa.Program
	mains map[string]*ssa.Package
}

// Load reads the mains in these folders of the module at root and all of the module that
// they import. Other modules are known by their declarations only.
func Load(root string, mains ...string) (*Program, error) {
	cfg := &packages.Config{
		Dir: root, BuildFlags: []string{"-tags=lambda.norpc"},
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps |
			packages.NeedTypes | packages.NeedTypesSizes | packages.NeedModule,
	}
	patterns := make([]string, len(mains))
	for i, m := range mains {
		patterns[i] = "./" + m
	}
	found, err := packages.Load(cfg, patterns...)
	if err != nil {
		return nil, fmt.Errorf("find the packages of %s: %w", strings.Join(mains, ", "), err)
	}
	own := map[string]bool{}
	packages.Visit(found, nil, func(p *packages.Package) {
		if isOwn(p.PkgPath) {
			own[p.PkgPath] = true
		}
	})
	// A second time, with the syntax of these and export data of all others.
	cfg.Mode |= packages.NeedSyntax | packages.NeedTypesInfo | packages.NeedExportFile
	cfg.Mode &^= packages.NeedDeps
	if found, err = packages.Load(cfg, slices.Sorted(maps.Keys(own))...); err != nil {
		return nil, fmt.Errorf("read the packages of %s: %w", strings.Join(mains, ", "), err)
	}
	var faults []error
	for _, p := range found {
		for _, e := range p.Errors {
			faults = append(faults, e)
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	out := &Program{mains: map[string]*ssa.Package{}}
	prog, pkgs := ssautil.Packages(found, ssa.InstantiateGenerics)
	prog.Build()
	for i, p := range found {
		if p.Name == "main" {
			out.mains[strings.TrimPrefix(p.PkgPath, module+"/")] = pkgs[i]
		}
	}
	out.prog = prog
	return out, nil
}

func isOwn(pkg string) bool { return pkg == module || strings.HasPrefix(pkg, module+"/") }

// walk follows the code from a main to what it can call: what is called by name, every
// function whose value is taken, and of interfaces the methods of those types that were
// made values of one. Code of other modules is not read: it may call whatever function it
// was given, and every method of a value that it was given by an interface of its own.
type walk struct {
	prog *ssa.Program
	// skip says which functions are not looked into.
	skip   func(pkg, function string) bool
	from   map[*ssa.Function]*ssa.Function
	todo   []*ssa.Function
	made   map[types.Type]*ssa.Function
	called map[*types.Func]*ssa.Function
	calls  Calls
}

// Calls returns the operations that the main in a folder can get to, but not by way of
// functions that skip names.
func (p *Program) Calls(main string, skip func(pkg, function string) bool) (Calls, error) {
	pkg := p.mains[main]
	if pkg == nil {
		return nil, fmt.Errorf("%s is no main that was loaded", main)
	}
	w := &walk{
		prog: p.prog, skip: skip, from: map[*ssa.Function]*ssa.Function{}, made: map[types.Type]*ssa.Function{},
		called: map[*types.Func]*ssa.Function{}, calls: Calls{},
	}
	w.reach(pkg.Func("init"), nil)
	w.reach(pkg.Func("main"), nil)
	for len(w.todo) > 0 {
		f := w.todo[len(w.todo)-1]
		w.todo = w.todo[:len(w.todo)-1]
		for _, b := range f.Blocks {
			for _, in := range b.Instrs {
				w.follow(f, in)
			}
		}
	}
	return w.calls, nil
}

// reach notes that a function may run, because of another one.
func (w *walk) reach(f, by *ssa.Function) {
	if f == nil || w.from[f] != nil {
		return
	}
	if by == nil {
		by = f
	}
	w.from[f] = by
	pkg := packageOf(f)
	if strings.HasPrefix(pkg, sdk) {
		if op := operation(f, pkg); op != "" {
			w.found(op, by)
		}
	}
	if !w.skip(pkg, f.String()) {
		w.todo = append(w.todo, f)
	}
}

// found notes an operation with the way that led to it.
func (w *walk) found(op string, by *ssa.Function) {
	if w.calls[op] != nil {
		return
	}
	way := []string{short(by)}
	for f := by; w.from[f] != f; {
		f = w.from[f]
		way = append(way, short(f))
	}
	slices.Reverse(way)
	w.calls[op] = way
}

// short is the name of a function without that of the module.
func short(f *ssa.Function) string { return strings.ReplaceAll(f.String(), module+"/", "") }

func packageOf(f *ssa.Function) string {
	for f.Parent() != nil {
		f = f.Parent()
	}
	switch {
	case f.Pkg != nil:
		return f.Pkg.Pkg.Path()
	case f.Origin() != nil && f.Origin().Pkg != nil:
		return f.Origin().Pkg.Pkg.Path()
	case f.Object() != nil && f.Object().Pkg() != nil:
		return f.Object().Pkg().Path()
	}
	return ""
}

// follow reads one instruction.
func (w *walk) follow(f *ssa.Function, in ssa.Instruction) {
	if call, ok := in.(ssa.CallInstruction); ok && call.Common().IsInvoke() {
		w.invoke(call.Common().Method, f)
	}
	switch in := in.(type) {
	case *ssa.MakeInterface:
		w.make(in.X.Type(), f)
		w.give(in.Type(), f)
	case *ssa.ChangeInterface:
		w.give(in.Type(), f)
	case *ssa.FieldAddr:
		w.part(in, f)
	}
	for _, v := range in.Operands(nil) {
		if g, ok := (*v).(*ssa.Function); ok {
			w.reach(g, f)
		}
	}
}

// make notes that there are values of a type behind interfaces.
func (w *walk) make(t types.Type, by *ssa.Function) {
	if types.IsInterface(t) || w.made[t] != nil {
		return
	}
	w.made[t] = by
	for m, caller := range w.called {
		w.dispatch(t, m, caller)
	}
}

// invoke notes that a method of an interface is called.
func (w *walk) invoke(m *types.Func, by *ssa.Function) {
	if w.called[m] != nil {
		return
	}
	w.called[m] = by
	for t := range w.made {
		w.dispatch(t, m, by)
	}
}

// give notes that a value goes where an interface of another module is wanted, whose code
// may call all its methods.
func (w *walk) give(t types.Type, by *ssa.Function) {
	named, ok := types.Unalias(t).(*types.Named)
	if !ok || named.Obj().Pkg() == nil || isOwn(named.Obj().Pkg().Path()) {
		return
	}
	if i, ok := named.Underlying().(*types.Interface); ok {
		for m := range i.Methods() {
			w.invoke(m, by)
		}
	}
}

// dispatch reaches the method of a type that a call of an interface's leads to.
func (w *walk) dispatch(t types.Type, m *types.Func, by *ssa.Function) {
	i, ok := m.Signature().Recv().Type().Underlying().(*types.Interface)
	if !ok || !types.Implements(t, i) {
		return
	}
	if sel := w.prog.MethodSets.MethodSet(t).Lookup(m.Pkg(), m.Name()); sel != nil {
		w.reach(w.prog.MethodValue(sel), by)
	}
}

// part notes what is put into a transaction: each part is allowed by itself.
func (w *walk) part(a *ssa.FieldAddr, by *ssa.Function) {
	s, ok := types.Unalias(a.X.Type().Underlying().(*types.Pointer).Elem()).(*types.Named)
	if ok && s.Obj().Name() == "TransactWriteItem" && s.Obj().Pkg().Path() == sdk+"service/dynamodb/types" {
		field := s.Underlying().(*types.Struct).Field(a.Field).Name()
		w.found("dynamodb:TransactWriteItems/"+field, by)
	}
}

// waiters are the operations that the SDK's waiters ask again and again.
func waiters() map[string]string {
	return map[string]string{"dynamodb:NewTableExistsWaiter": "dynamodb:DescribeTable", "ecs:NewTasksStoppedWaiter": "ecs:DescribeTasks"}
}

// operation is the operation that a function of the SDK carries out, empty if it does none:
// a method of a client that takes an XInput, or the maker of a paginator or waiter. What
// else may call is named as it is, so that nobody misses it.
func operation(f *ssa.Function, pkg string) string {
	service := strings.TrimPrefix(pkg, sdk+"service/")
	if service == pkg || strings.Contains(service, "/") {
		if strings.HasPrefix(pkg, sdk+"feature/s3") {
			return path.Base(pkg) + ":" + f.Name()
		}
		return ""
	}
	if f.Signature.Recv() == nil {
		made := service + ":" + f.Name()
		switch {
		case strings.HasPrefix(f.Name(), "New") && strings.HasSuffix(f.Name(), "Paginator"):
			return service + ":" + strings.TrimSuffix(strings.TrimPrefix(f.Name(), "New"), "Paginator")
		case strings.HasPrefix(f.Name(), "New") && strings.HasSuffix(f.Name(), "Waiter"):
			if op, ok := waiters()[made]; ok {
				return op
			}
			return made
		case strings.HasPrefix(f.Name(), "NewPresign"):
			return made
		}
		return ""
	}
	params := f.Signature.Params()
	if params.Len() < 2 || !strings.HasSuffix(params.At(1).Type().String(), "."+f.Name()+"Input") {
		return ""
	}
	return service + ":" + f.Name()
}
