package helm_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// images are those that the chart names, by the folders of their Dockerfiles, with the base
// of what is shipped.
var images = []struct {
	folder, repository, base string
	programs                 []string
}{
	{"kube", "controller", "scratch", []string{"./cmd/updraft-kube"}},
	{"runner", "runner", "scratch", []string{"./functions/task", "./cmd/updraft-kube"}},
	{"updraft", "updraft", "python:", []string{"./cmd/updraft", "./cmd/updraft-kube"}},
}

// TestImages: a Dockerfile for each image of the chart builds a static program that is there,
// runs it as the chart's user, and is built by `make kube-images`. Nothing is built here.
func TestImages(t *testing.T) {
	t.Parallel()
	var v struct {
		UID    int `yaml:"uid"`
		Images struct {
			Updraft, Controller, Runner struct{ Repository string }
		} `yaml:"images"`
	}
	if err := yaml.Unmarshal([]byte(read(t, chart+"/values.yaml")), &v); err != nil {
		t.Fatal(err)
	}
	repositories := map[string]string{"updraft": v.Images.Updraft.Repository, "controller": v.Images.Controller.Repository, "runner": v.Images.Runner.Repository}
	makefile := read(t, "../../Makefile")
	for _, image := range images {
		text := read(t, "../images/"+image.folder+"/Dockerfile")
		froms := regexp.MustCompile(`(?m)^FROM (.*)$`).FindAllStringSubmatch(text, -1)
		if len(froms) != 2 || !strings.HasPrefix(froms[1][1], image.base) {
			t.Errorf("%s: the stages are %q, the second has to begin FROM %s", image.folder, froms, image.base)
		}
		wanted := []string{"CGO_ENABLED=0", "USER 10001:10001\n", "ENTRYPOINT ["}
		for _, program := range image.programs {
			wanted = append(wanted, " "+program+"\n")
			if info, err := os.Stat("../../" + program); err != nil || !info.IsDir() {
				t.Errorf("%s builds %s: %v", image.folder, program, err)
			}
		}
		for _, want := range wanted {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the Dockerfile has no %q", image.folder, want)
			}
		}
		if pair := image.folder + ":" + repositories[image.repository]; !slices.Contains(strings.Fields(makefile), pair) {
			t.Errorf("`make kube-images` does not build %s, which values.yaml names", pair)
		}
	}
	if v.UID != 10001 {
		t.Errorf("pods run as %d, images are made for 10001", v.UID)
	}
}
