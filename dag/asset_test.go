package dag

import (
	"strings"
	"testing"
)

func TestAssetCondition(t *testing.T) {
	t.Parallel()
	leaf := func(name string) AssetCondition { return AssetCondition{Asset: &AssetRef{Name: name}} }
	tree := AssetCondition{Any: []AssetCondition{{All: []AssetCondition{leaf("a"), leaf("b")}}, leaf("c")}}
	if got := tree.String(); got != "(a & b) | c" {
		t.Errorf("String is %q", got)
	}
	if got := len(tree.Refs()); got != 3 {
		t.Errorf("%d leaves", got)
	}
	for updated, want := range map[string]bool{"": false, "a": false, "b": false, "ab": true, "c": true, "abc": true} {
		got := tree.Satisfied(func(r AssetRef) bool { return strings.Contains(updated, r.Name) })
		if got != want {
			t.Errorf("with %q updated: %v", updated, got)
		}
	}
	if err := tree.Validate(); err != nil {
		t.Error(err)
	}
	empty := AssetCondition{All: []AssetCondition{leaf("a"), {}}}
	checkScheduleFault(t, "empty node", empty.Validate(), "0 of asset, all, any")
	if empty.Satisfied(func(AssetRef) bool { return true }) {
		t.Error("an empty node is satisfied")
	}
	nameless := leaf("")
	checkScheduleFault(t, "nameless", nameless.Validate(), "without name")
	list := ScheduleFromAssets(AssetRef{URI: "s3://a"}, AssetRef{Alias: "b"})
	if got := list.Assets.String(); got != "s3://a & b" {
		t.Errorf("list is %q", got)
	}
}
