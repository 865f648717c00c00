package deploycheck

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
)

// CheckContract compares the template with all of the code but its calls, which takes no
// time: with everything it can have, and with its defaults. Root is that of the module.
func (t *Template) CheckContract(root string) error {
	var faults []error
	for _, params := range []map[string]string{nil, Everything()} {
		s, err := t.With(params)
		faults = append(faults, err, s.CheckTable(), s.CheckSettings(), s.CheckSecrets(), s.CheckAlarms(root))
	}
	return errors.Join(append(faults, t.CheckWildcards())...)
}

// CheckCalls compares the policies with what the programs can call, which takes some
// seconds. It returns how many operations of how many programs were found.
func (t *Template) CheckCalls(root string) (operations, programs int, err error) {
	s, err := t.With(Everything())
	if err != nil {
		return 0, 0, err
	}
	folders, err := s.Folders(root)
	if err != nil {
		return 0, 0, err
	}
	mains := slices.Compact(slices.Sorted(maps.Values(folders)))
	p, err := Load(root, mains...)
	if err != nil {
		return 0, 0, err
	}
	calls := map[string]Calls{}
	for _, m := range mains {
		if calls[m], err = p.Calls(m, Skipped); err != nil {
			return 0, 0, err
		}
		operations += len(calls[m])
	}
	return operations, len(mains), s.CheckPermissions(folders, calls)
}

// TemplateFile is the template of the module at root.
func TemplateFile(root string) string { return filepath.Join(root, "template.yaml") }
