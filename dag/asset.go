package dag

import (
	"errors"
	"fmt"
	"strings"
)

// AssetRef is an asset that a task reads or writes, or an alias resolved when it does.
type AssetRef struct {
	Name  string `json:"name,omitempty"`
	URI   string `json:"uri,omitempty"`
	Group string `json:"group,omitempty"`
	Extra Values `json:"extra,omitempty"`
	// Alias is the name of an asset alias; the other fields are then empty.
	Alias string `json:"alias,omitempty"`
}

// Key identifies the asset in conditions and events: its URI, or its name when it has
// none, or "alias:" and the alias.
func (a AssetRef) Key() string {
	switch {
	case a.Alias != "":
		return "alias:" + a.Alias
	case a.URI != "":
		return a.URI
	default:
		return a.Name
	}
}

// AssetCondition is a tree of assets joined by "and" and "or". Exactly one of its
// fields is set; Validate checks that.
type AssetCondition struct {
	// All is satisfied when each of its members is.
	All []AssetCondition `json:"all,omitempty"`
	// Any is satisfied when one of its members is.
	Any []AssetCondition `json:"any,omitempty"`
	// Asset is a leaf: an asset or an alias.
	Asset *AssetRef `json:"asset,omitempty"`
}

// Satisfied evaluates the tree: updated says whether an asset (or alias) has an event
// that is not consumed yet.
func (c *AssetCondition) Satisfied(updated func(AssetRef) bool) bool {
	if c.Asset != nil {
		return updated(*c.Asset)
	}
	for i := range c.Any {
		if c.Any[i].Satisfied(updated) {
			return true
		}
	}
	for i := range c.All {
		if !c.All[i].Satisfied(updated) {
			return false
		}
	}
	return len(c.All) > 0
}

// Refs returns the leaves from left to right, repetitions included.
func (c *AssetCondition) Refs() []AssetRef {
	if c == nil {
		return nil
	}
	if c.Asset != nil {
		return []AssetRef{*c.Asset}
	}
	var out []AssetRef
	for _, list := range [][]AssetCondition{c.All, c.Any} {
		for i := range list {
			out = append(out, list[i].Refs()...)
		}
	}
	return out
}

// String writes the tree as Airflow users do: (a & b) | c.
func (c *AssetCondition) String() string {
	if c.Asset != nil {
		return c.Asset.assetLabel()
	}
	list, sep := c.All, " & "
	if len(c.Any) > 0 {
		list, sep = c.Any, " | "
	}
	parts := make([]string, len(list))
	for i := range list {
		parts[i] = list[i].String()
		if len(list[i].All)+len(list[i].Any) > 1 {
			parts[i] = "(" + parts[i] + ")"
		}
	}
	return strings.Join(parts, sep)
}

func (a AssetRef) assetLabel() string {
	switch {
	case a.Alias != "":
		return a.Alias
	case a.URI != "":
		return a.URI
	default:
		return a.Name
	}
}

// Validate reports a node that is empty, or more than one thing at once.
func (c *AssetCondition) Validate() error {
	set := 0
	for _, is := range []bool{len(c.All) > 0, len(c.Any) > 0, c.Asset != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("asset condition has %d of asset, all, any: give exactly one of them", set)
	}
	if c.Asset != nil && c.Asset.assetLabel() == "" {
		return errors.New("asset without name, uri or alias: give it one")
	}
	for _, list := range [][]AssetCondition{c.All, c.Any} {
		for i := range list {
			if err := list[i].Validate(); err != nil {
				return err
			}
		}
	}
	return nil
}
