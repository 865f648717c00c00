package settings

import (
	"errors"
	"fmt"

	"github.com/updraft-dev/updraft/dag"
)

// Pool bounds how many slots tasks may take at once.
type Pool struct {
	Name string `json:"name"`
	// Slots is the number of slots; -1 is unlimited.
	Slots       int    `json:"slots"`
	Description string `json:"description,omitempty"`
	// IncludeDeferred counts deferred tasks, too.
	IncludeDeferred bool `json:"include_deferred,omitempty"`
}

// DefaultPool is the pool that is always there.
func DefaultPool() Pool {
	return Pool{Name: dag.DefaultPool, Slots: dag.DefaultPoolSlots, Description: "Default pool"}
}

// Validate says what is wrong with the pool, all of it, or nil.
func (p *Pool) Validate() error {
	err := checkID("pool name", p.Name)
	if p.Slots < -1 {
		err = errors.Join(err, fmt.Errorf("pool %s: slots is %d: use a number from 0, or -1 for no limit", p.Name, p.Slots))
	}
	return err
}
