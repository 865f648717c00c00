package template

import "testing"

// BenchmarkRender is what an attempt pays for its one text: a renderer, an environment, and the rendering.
func BenchmarkRender(b *testing.B) {
	for _, bb := range []struct{ name, text string }{
		{"constant", "echo 2024-02-29"}, {"ds", "echo {{ ds }}"}, {"many", "{{ ds }} {{ run_id }} {{ params.x | default(1) }} {{ macros.ds_add(ds, 1) }} {{ dag.dag_id }}"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			a := attempt()
			for b.Loop() {
				if _, err := NewRenderer(Config{}, a).Render(b.Context(), bb.text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
