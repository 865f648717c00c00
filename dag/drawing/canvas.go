package drawing

import (
	"strings"

	"golang.org/x/text/width"

	"github.com/updraft-dev/updraft/run"
)

// directions of a line in a cell, along and across.
const (
	forward = 1 << iota
	backward
	plus
	minus
)

// stroke is what one net does in a cell.
type stroke struct{ net, dirs int }

// cell is one character of a text.
type cell struct {
	char    rune // 0 if there are only lines, or nothing
	wide    bool // it belongs to the wide character before it
	state   *run.State
	strokes []stroke
}

// canvas is a text under way. Its coordinates are along and across: vertical turns them.
type canvas struct {
	vertical bool
	cells    map[[2]int]*cell // by x, y
	w, h     int
}

func (k *canvas) at(a, c int) *cell {
	x, y := a, c
	if k.vertical {
		x, y = c, a
	}
	return k.cell(x, y)
}

func (k *canvas) cell(x, y int) *cell {
	k.w, k.h = max(k.w, x+1), max(k.h, y+1)
	at := k.cells[[2]int{x, y}]
	if at == nil {
		at = new(cell)
		k.cells[[2]int{x, y}] = at
	}
	return at
}

func (k *canvas) stroke(net, a, c, dirs int) {
	at := k.at(a, c)
	for i := range at.strokes {
		if at.strokes[i].net == net {
			at.strokes[i].dirs |= dirs
			return
		}
	}
	at.strokes = append(at.strokes, stroke{net, dirs})
}

// lineAlong draws the cells from a1 to before a2.
func (k *canvas) lineAlong(net, a1, a2, c int) {
	for a := a1; a < a2; a++ {
		k.stroke(net, a, c, forward|backward)
	}
}

// lineAcross draws from c1 to c2, ends included, as turns.
func (k *canvas) lineAcross(net, a, c1, c2 int) {
	lo, hi := min(c1, c2), max(c1, c2)
	for c := lo; c <= hi; c++ {
		dirs := 0
		if c > lo {
			dirs |= minus
		}
		if c < hi {
			dirs |= plus
		}
		k.stroke(net, a, c, dirs)
	}
}

// text writes at x, y.
func (k *canvas) text(x, y int, s string, state *run.State) {
	for _, r := range s {
		at := k.cell(x, y)
		at.char, at.state = r, state
		if x++; runeWidth(r) == 2 {
			k.cell(x, y).wide = true
			x++
		}
	}
}

func runeWidth(r rune) int {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

func textWidth(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// lines are the characters of lines, by the directions right, left, down, up.
var lines = [16]rune{
	' ', '─', '─', '─', '│', '╭', '╮', '┬', '│', '╰', '╯', '┴', '│', '├', '┤', '┼',
}

// char is what a cell shows.
func (k *canvas) char(at *cell) rune {
	if at.char != 0 || len(at.strokes) == 0 {
		return at.char
	}
	dirs := 0
	crossing := len(at.strokes) == 2
	for _, s := range at.strokes {
		dirs |= s.dirs
		crossing = crossing && (s.dirs == forward|backward || s.dirs == plus|minus)
	}
	if crossing && dirs == forward|backward|plus|minus {
		return '│' // one line passes behind the other: no junction
	}
	if k.vertical { // along is down, across is right
		dirs = dirs>>2&3 | dirs&3<<2
	}
	return lines[dirs]
}

// String is the text, without spaces at the ends of lines.
func (k *canvas) String(paint func(run.State, string) string) string {
	var b strings.Builder
	for y := range k.h {
		var line strings.Builder
		var part strings.Builder
		var state *run.State
		flush := func() {
			if state != nil && paint != nil {
				line.WriteString(paint(*state, part.String()))
			} else {
				line.WriteString(part.String())
			}
			part.Reset()
		}
		end := k.w
		for ; end > 0; end-- {
			if at := k.cells[[2]int{end - 1, y}]; at != nil && (at.wide || k.char(at) != 0 && k.char(at) != ' ') {
				break
			}
		}
		for x := range end {
			at := k.cells[[2]int{x, y}]
			switch {
			case at == nil:
				at = &cell{}
			case at.wide:
				continue
			}
			if at.state != state {
				flush()
				state = at.state
			}
			if r := k.char(at); r != 0 {
				part.WriteRune(r)
			} else {
				part.WriteByte(' ')
			}
		}
		flush()
		b.WriteString(line.String())
		b.WriteByte('\n')
	}
	return b.String()
}
