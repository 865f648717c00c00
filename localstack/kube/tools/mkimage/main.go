// Command mkimage writes a container image as an archive, without a container engine and
// without a registry: an OCI image layout that has the manifest.json of "docker save" too,
// so that "ctr images import", "docker load" and "kind load image-archive" take it. Equal
// inputs give an equal digest.
//
//	mkimage -o worker.tar -t local.test/worker:1 -entrypoint /worker worker:/worker
//	mkimage -o tasks.tar -t local.test/tasks:1 -rootfs DIR -cmd /bin/bash
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// epoch is the time of all that is in an image.
var epoch = time.Unix(0, 0).UTC()

// words is a flag that may be given several times.
type words []string

func (w *words) String() string     { return strings.Join(*w, " ") }
func (w *words) Set(s string) error { *w = append(*w, s); return nil }

func main() {
	var im image
	var env, entrypoint, cmd words
	flag.StringVar(&im.out, "o", "", "the archive to write")
	flag.StringVar(&im.name, "t", "", "the image's full name, HOST/NAME:TAG")
	flag.StringVar(&im.rootfs, "rootfs", "", "a folder to take as the root of the file system")
	user := flag.String("user", "", "UID[:GID]; numbers, so that runAsNonRoot can be checked")
	workdir := flag.String("workdir", "/", "working directory")
	flag.Var(&env, "env", "NAME=VALUE, may be repeated")
	flag.Var(&entrypoint, "entrypoint", "one word of the entrypoint, may be repeated")
	flag.Var(&cmd, "cmd", "one word of the default arguments, may be repeated")
	flag.Parse()
	if im.out == "" || im.name == "" {
		flag.Usage()
		os.Exit(2)
	}
	im.files = flag.Args()
	im.config = map[string]any{
		"Env": []string(env), "Entrypoint": []string(entrypoint), "Cmd": []string(cmd), "User": *user, "WorkingDir": *workdir,
	}
	if err := im.write(); err != nil {
		fmt.Fprintf(os.Stderr, "mkimage: %s: %v\n", im.name, err)
		os.Exit(1)
	}
}
