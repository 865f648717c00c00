package dagfile

import (
	"fmt"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
)

func (b *dagBuilder) readSchedule() {
	n := b.cfg.get("schedule")
	s := dag.Schedule{Kind: dag.ScheduleNone}
	if n != nil {
		var ok bool
		if s, ok = b.schedule(n); !ok {
			return
		}
		if b.o.CheckSchedule != nil {
			if err := b.o.CheckSchedule(s); err != nil {
				b.problem(n.at, "", "`schedule`: "+err.Error(), "")
			}
		}
	}
	b.d.Schedule = s
}

func (b *dagBuilder) compat() dag.ScheduleCompat {
	if b.o.Compat == 2 {
		return dag.ScheduleCompatAirflow2()
	}
	return dag.ScheduleCompat{}
}

const scheduleHint = "use a cron expression, a preset such as @daily, null, a list of asset URIs or a timetable"

func (b *dagBuilder) schedule(n *node) (dag.Schedule, bool) {
	switch n.kind {
	case kindNull:
		return dag.Schedule{Kind: dag.ScheduleNone}, true
	case kindText:
		if strings.EqualFold(strings.TrimSpace(n.text), "none") {
			return dag.Schedule{Kind: dag.ScheduleNone}, true
		}
		zone := b.d.Timezone
		if zone == "" {
			zone = "UTC"
		}
		return dag.ScheduleFromText(n.text, zone, b.compat()), true
	case kindList:
		return b.assetSchedule(n)
	case kindObject:
		switch classOf(n.text) {
		case classTimedelta, classRelativedelta:
			return dag.ScheduleFromDelta(delta(n), b.compat()), true
		case classAsset, classAssetAlias, classAssetAll, classAssetAny:
			c, ok := b.condition(n)
			return dag.Schedule{Kind: dag.ScheduleAssets, Assets: c}, ok
		}
		return b.timetable(n)
	}
	b.problem(n.at, "", fmt.Sprintf("`schedule` cannot be %s", n.describe()), scheduleHint)
	return dag.Schedule{}, false
}

func delta(n *node) dag.Delta {
	switch v := n.val.(type) {
	case time.Duration:
		return dag.Delta{Fixed: v}
	case dag.Delta:
		return v
	}
	return dag.Delta{}
}

// assetSchedule reads a list: all assets must have been updated. Blanks are dropped.
func (b *dagBuilder) assetSchedule(n *node) (dag.Schedule, bool) {
	c, ok := b.all(n.list, true)
	if !ok {
		return dag.Schedule{}, false
	}
	if len(c.All) == 0 {
		return dag.Schedule{Kind: dag.ScheduleNone}, true
	}
	return dag.Schedule{Kind: dag.ScheduleAssets, Assets: c}, true
}

func (b *dagBuilder) all(list []*node, blanks bool) (*dag.AssetCondition, bool) {
	out := &dag.AssetCondition{}
	for _, v := range list {
		if blanks && (v.isNull() || v.kind == kindText && strings.TrimSpace(v.text) == "") {
			continue
		}
		c, ok := b.condition(v)
		if !ok {
			return nil, false
		}
		out.All = append(out.All, *c)
	}
	return out, true
}

func (b *dagBuilder) condition(n *node) (*dag.AssetCondition, bool) {
	if n.kind == kindObject {
		switch class := classOf(n.text); class {
		case classAssetAll, classAssetAny:
			c, ok := b.all(n.list, false)
			if ok && class == classAssetAny {
				c = &dag.AssetCondition{Any: c.All}
			}
			return c, ok
		}
	}
	a, ok := b.asset(place{name: "schedule"}, n)
	return &dag.AssetCondition{Asset: &a}, ok
}
