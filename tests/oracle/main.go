// oracle says what the real ones make of the test cases here: kubectl's reader of YAML, and
// kustomize. It writes a .json beside what each .yaml of a folder holds, into another folder.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: oracle yaml|kustomize FROM TO")
		os.Exit(2)
	}
	answer := map[string]func([]byte) (any, error){"yaml": readDocuments, "kustomize": build}[os.Args[1]]
	paths, err := filepath.Glob(filepath.Join(os.Args[2], "*.yaml"))
	if err != nil || answer == nil {
		fmt.Fprintln(os.Stderr, "oracle:", os.Args[1], err)
		os.Exit(2)
	}
	for _, path := range paths {
		if err := answerFile(path, os.Args[3], answer); err != nil {
			fmt.Fprintln(os.Stderr, "oracle:", path, err)
			os.Exit(1)
		}
	}
}

// answerFile writes the answer as JSON, {"error": true} for what the real one refuses. Its words are
// its own, so only that it does is written.
func answerFile(path, folder string, answer func([]byte) (any, error)) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	result, err := answer(text)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: refused: %v\n", filepath.Base(path), err)
		result = map[string]bool{"error": true}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(result); err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(path), ".yaml") + ".json"
	return os.WriteFile(filepath.Join(folder, name), out.Bytes(), 0o644)
}

// readDocuments reads as kubectl's resource builder does.
func readDocuments(text []byte) (any, error) {
	documents := []json.RawMessage{}
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var document json.RawMessage
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return documents, nil
		} else if err != nil {
			return nil, err
		}
		document = bytes.TrimSpace(document)
		if len(document) > 0 && !bytes.Equal(document, []byte("null")) {
			documents = append(documents, document)
		}
	}
}

// A case is the spec of an App, as far as it concerns editions, and behind it the manifests.
type spec struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Images      []any             `json:"images"`
	Overlays    []struct {
		Path      string         `json:"path"`
		Merge     map[string]any `json:"merge"`
		JSONPatch []any          `json:"jsonPatch"`
		Remove    bool           `json:"remove"`
		Target    map[string]any `json:"target"`
	} `json:"overlays"`
	Files map[string]string `json:"files"` // what `path` names
}

func build(text []byte) (any, error) {
	head, manifests, found := bytes.Cut(text, []byte("\n---\n"))
	if !found {
		return nil, errors.New("there are no manifests")
	}
	var s spec
	if err := yaml.UnmarshalStrict(head, &s); err != nil {
		return nil, err
	}
	kustomization, err := kustomizationOf(&s)
	if err != nil {
		return nil, err
	}
	files := map[string]string{"base.yaml": string(manifests), "kustomization.yaml": string(kustomization)}
	for name, content := range s.Files {
		files[name] = content
	}
	fs := filesys.MakeFsInMemory()
	for name, content := range files {
		if err := fs.WriteFile("/app/"+name, []byte(content)); err != nil {
			return nil, err
		}
	}
	return run(fs)
}

func run(fs filesys.FileSystem) (any, error) {
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(fs, "/app")
	if err != nil {
		return nil, err
	}
	objects := []json.RawMessage{}
	for _, resource := range resources.Resources() {
		object, err := resource.MarshalJSON()
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	sort.Slice(objects, func(i, k int) bool { return bytes.Compare(objects[i], objects[k]) < 0 })
	return objects, nil
}

// kustomizationOf says the same in kustomize's words.
func kustomizationOf(s *spec) ([]byte, error) {
	patches := []map[string]any{}
	for _, overlay := range s.Overlays {
		patch := map[string]any{}
		var content any = overlay.Merge
		switch {
		case overlay.Path != "":
			patch["path"] = overlay.Path
			content = nil
		case overlay.JSONPatch != nil:
			content = overlay.JSONPatch
		case overlay.Remove:
			content = map[string]any{"apiVersion": "v1", "kind": "Any", "metadata": map[string]any{"name": "any"},
				"$patch": "delete"}
		}
		if content != nil {
			text, err := yaml.Marshal(named(content, overlay.Target))
			if err != nil {
				return nil, err
			}
			patch["patch"] = string(text)
		}
		if overlay.Target != nil {
			patch["target"] = targetOf(overlay.Target)
		}
		patches = append(patches, patch)
	}
	kustomization := map[string]any{"resources": []string{"base.yaml"}, "patches": patches, "images": s.Images}
	if s.Labels != nil {
		kustomization["labels"] = []any{map[string]any{"pairs": s.Labels}}
	}
	if s.Annotations != nil {
		transformer, err := yaml.Marshal(map[string]any{
			"apiVersion": "builtin", "kind": "AnnotationsTransformer", "metadata": map[string]any{"name": "any"},
			"annotations": s.Annotations,
			"fieldSpecs":  []any{map[string]any{"path": "metadata/annotations", "create": true}},
		})
		if err != nil {
			return nil, err
		}
		kustomization["transformers"] = []string{string(transformer)}
	}
	return yaml.Marshal(kustomization)
}

// named gives a patch for a target the identity without which kustomize does not read it.
func named(content any, target map[string]any) any {
	patch, ok := content.(map[string]any)
	if !ok || target == nil || patch["kind"] != nil {
		return content
	}
	patch["apiVersion"], patch["kind"] = "v1", "Any"
	metadata, ok := patch["metadata"].(map[string]any)
	if !ok {
		metadata = map[string]any{}
		patch["metadata"] = metadata
	}
	metadata["name"] = "any"
	return patch
}

func targetOf(target map[string]any) map[string]any {
	out := map[string]any{}
	for name, value := range target {
		out[name] = value
	}
	if selector, ok := target["labelSelector"].(map[string]any); ok {
		terms := []string{}
		if labels, ok := selector["matchLabels"].(map[string]any); ok {
			for key, value := range labels {
				terms = append(terms, fmt.Sprintf("%s=%s", key, value))
			}
		}
		sort.Strings(terms)
		out["labelSelector"] = strings.Join(terms, ",")
	}
	return out
}
