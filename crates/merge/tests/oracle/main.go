package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

type op struct {
	Op          string                 `json:"op"`
	Manager     string                 `json:"manager"`
	Force       bool                   `json:"force"`
	Version     string                 `json:"version"`
	Subresource string                 `json:"subresource"`
	Object      map[string]interface{} `json:"object"`
}
type testcase struct {
	Models map[string]*spec.Schema `json:"models"`
	Group  string                  `json:"group"`
	Kind   string                  `json:"kind"`
	Status bool                    `json:"status"`
	Ops    []op                    `json:"ops"`
}

type creater struct{}

func (creater) New(gvk schema.GroupVersionKind) (runtime.Object, error) {
	u := unstructured.Unstructured{Object: map[string]interface{}{}}
	u.SetAPIVersion(gvk.GroupVersion().String())
	u.SetKind(gvk.Kind)
	return &u, nil
}

type conv struct{}

func (conv) Convert(in, out, context interface{}) error { return errors.New("no") }
func (conv) ConvertToVersion(in runtime.Object, gv runtime.GroupVersioner) (runtime.Object, error) {
	u := in.(*unstructured.Unstructured).DeepCopy()
	gvk, ok := gv.KindForGroupVersionKinds([]schema.GroupVersionKind{u.GroupVersionKind()})
	if !ok {
		v := gv.(schema.GroupVersion)
		gvk = v.WithKind(u.GetKind())
	}
	u.SetAPIVersion(gvk.GroupVersion().String())
	return u, nil
}
func (conv) ConvertFieldLabel(_ schema.GroupVersionKind, _, _ string) (string, string, error) {
	return "", "", errors.New("no")
}

type defaulter struct{}

func (defaulter) Default(in runtime.Object) {}

func main() {
	var cases []testcase
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	out := []interface{}{}
	for _, c := range cases {
		tc, err := managedfields.NewTypeConverter(c.Models, false)
		if err != nil {
			panic(err)
		}
		results := []interface{}{}
		var live *unstructured.Unstructured
		for _, o := range c.Ops {
			gv, _ := schema.ParseGroupVersion(o.Version)
			gvk := gv.WithKind(c.Kind)
			reset := map[fieldpath.APIVersion]fieldpath.Filter{}
			if c.Status {
				if o.Subresource == "status" {
					reset[fieldpath.APIVersion(o.Version)] = fieldpath.NewExcludeSetFilter(fieldpath.NewSet(fieldpath.MakePathOrDie("metadata"), fieldpath.MakePathOrDie("spec")))
				} else {
					reset[fieldpath.APIVersion(o.Version)] = fieldpath.NewExcludeSetFilter(fieldpath.NewSet(fieldpath.MakePathOrDie("status")))
				}
			}
			fm, err := managedfields.NewDefaultCRDFieldManager(tc, conv{}, defaulter{}, creater{}, gvk, gv, o.Subresource, reset)
			if err != nil {
				panic(err)
			}
			var l runtime.Object
			if live == nil {
				l, _ = creater{}.New(gvk)
			} else {
				cp := live.DeepCopy()
				cp.SetAPIVersion(o.Version)
				l = cp
			}
			b, _ := json.Marshal(o.Object)
			obj := &unstructured.Unstructured{}
			if err := obj.UnmarshalJSON(b); err != nil {
				results = append(results, map[string]interface{}{"decode": err.Error()})
				continue
			}
			var res runtime.Object
			if o.Op == "apply" {
				res, err = fm.Apply(l, obj, o.Manager, o.Force)
			} else {
				if mf, ok := live, live != nil; ok && obj.GetManagedFields() == nil {
					obj.SetManagedFields(mf.GetManagedFields())
				}
				if _, e := fm.Update(l.DeepCopyObject(), obj.DeepCopyObject(), o.Manager); e != nil && os.Getenv("ORACLE_DEBUG") != "" {
					fmt.Fprintln(os.Stderr, "update:", e)
				}
				res = fm.UpdateNoErrors(l, obj, o.Manager)
				err = nil
			}
			if err != nil {
				e := map[string]interface{}{"error": err.Error()}
				var st *apierrors.StatusError
				if errors.As(err, &st) {
					causes := []string{}
					if st.ErrStatus.Details != nil {
						for _, c := range st.ErrStatus.Details.Causes {
							causes = append(causes, c.Field+" "+c.Message)
						}
					}
					e["causes"] = causes
				}
				results = append(results, e)
				continue
			}
			u := res.(*unstructured.Unstructured)
			u.SetUID("u")
			live = u.DeepCopy()
			mf := u.GetManagedFields()
			for i := range mf {
				mf[i].Time = nil
			}
			cp := u.DeepCopy()
			cp.SetManagedFields(nil)
			results = append(results, map[string]interface{}{"object": cp.Object, "managedFields": toRaw(mf)})
		}
		out = append(out, results)
	}
	json.NewEncoder(os.Stdout).Encode(out)
	fmt.Fprintln(os.Stderr, "cases", len(cases))
}

func toRaw(mf []metav1.ManagedFieldsEntry) interface{} {
	b, _ := json.Marshal(mf)
	var v interface{}
	json.Unmarshal(b, &v)
	return v
}
