package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// image is what to make.
type image struct {
	out, name, rootfs string
	// files are FILE:/PATH.
	files []string
	// config is the image's, in the words of OCI.
	config map[string]any
}

// blob is content with its address.
type blob struct {
	digest string // hex, of SHA-256
	size   int64
	data   []byte // nil for the layer, which is in a file
}

func (b blob) path() string { return "blobs/sha256/" + b.digest }

func (b blob) descriptor(kind string) map[string]any {
	return map[string]any{"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + b.digest, "size": b.size}
}

// encode makes a blob of a value.
func encode(v any) (blob, error) {
	data, err := json.Marshal(v)
	sum := sha256.Sum256(data)
	return blob{digest: hex.EncodeToString(sum[:]), size: int64(len(data)), data: data}, err
}

// write makes the archive; it is there as a whole or not at all.
func (im *image) write() (err error) {
	layer, err := os.CreateTemp(filepath.Dir(im.out), ".layer-*")
	if err != nil {
		return err
	}
	defer os.Remove(layer.Name())
	defer layer.Close()
	sum := sha256.New()
	if err := writeLayer(io.MultiWriter(layer, sum), im.rootfs, im.files); err != nil {
		return err
	}
	size, err := layer.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if _, err := layer.Seek(0, io.SeekStart); err != nil {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(im.out), ".image-*")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name())
	err = im.writeArchive(part, layer, blob{digest: hex.EncodeToString(sum.Sum(nil)), size: size})
	if err := errors.Join(err, part.Chmod(0o644), part.Close()); err != nil {
		return err
	}
	return os.Rename(part.Name(), im.out)
}

// writeArchive writes the layout around the layer.
func (im *image) writeArchive(w io.Writer, content io.Reader, layer blob) error {
	config, err1 := encode(map[string]any{
		"created": epoch, "architecture": runtime.GOARCH, "os": "linux", "config": im.config,
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + layer.digest}},
	})
	manifest, err2 := encode(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": config.descriptor("config.v1+json"), "layers": []any{layer.descriptor("layer.v1.tar")},
	})
	top := manifest.descriptor("manifest.v1+json")
	top["annotations"] = map[string]string{
		"io.containerd.image.name":          im.name,
		"org.opencontainers.image.ref.name": im.name[strings.LastIndex(im.name, ":")+1:],
	}
	index, err3 := encode(map[string]any{"schemaVersion": 2, "manifests": []any{top}})
	docker, err4 := encode([]any{map[string]any{
		"Config": config.path(), "RepoTags": []string{im.name}, "Layers": []string{layer.path()},
	}})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	for _, e := range []struct {
		path string
		data []byte
	}{
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", index.data},
		{"manifest.json", docker.data},
		{config.path(), config.data},
		{manifest.path(), manifest.data},
	} {
		if err := put(archive, e.path, 0o644, int64(len(e.data)), strings.NewReader(string(e.data))); err != nil {
			return err
		}
	}
	if err := put(archive, layer.path(), 0o644, layer.size, content); err != nil {
		return err
	}
	return archive.Close()
}

// put writes one regular file.
func put(archive *tar.Writer, path string, mode, size int64, content io.Reader) error {
	err := archive.WriteHeader(&tar.Header{Name: path, Mode: mode, Size: size, ModTime: epoch, Typeflag: tar.TypeReg})
	if err != nil {
		return err
	}
	_, err = io.Copy(archive, content)
	return err
}
