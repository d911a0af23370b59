// SPDX-License-Identifier: MIT

package result

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
)

// fill gives every field below v a distinct value, so that no loss goes unnoticed.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d <&> \u2028", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(1<<53 + *n)) // larger than a float64 can hold exactly
	case reflect.Uint64:
		v.SetUint(1<<63 + uint64(*n))
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.25)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Type != reflect.SliceOf(v.Type()) { // a verdict in a verdict in a verdict
				fill(v.Field(i), n)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	default:
		panic("a kind that JSON may lose: " + v.Type().String())
	}
}

// TestRoundTrip checks that Result is everything in the JSON: what is written can be read back completely, so that
// every report can be made from the file.
func TestRoundTrip(t *testing.T) {
	r, n := &Result{}, 0
	fill(reflect.ValueOf(r).Elem(), &n)
	r.Verdict.Also = []Verdict{{Class: Leak, Message: "m", Hint: "h", Evidence: []string{"e"}}}
	if n < 200 {
		t.Fatalf("only %d values were filled", n)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	back := &Result{}
	if err := json.Unmarshal(b, back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r, back) {
		t.Errorf("wrote %+v\nread %+v", r, back)
	}
}

func TestPlaces(t *testing.T) {
	in := Task{Comm: "a", Site: "f+0x1 [m]"}
	r := &Result{
		Threads: []Thread{{
			Requester: in, Stack: []string{"kthread_create+0x5", "g+0x2 [m]", "f+0x1 [m]"},
			StopCalls: []Stop{{By: Task{Site: "h+0x3 [n]"}, Stack: []string{"i+0x4 [n]"}}},
			Parks:     []Park{{By: &Task{Site: "j+0x5 [n]"}}},
			Wakeups:   []Wakeup{{By: Task{Site: "p+0xa [o]"}}},
		}},
		Requests: []Request{{By: in, Stack: []string{"k+0x6 [m]", "0xffffffffc025706e"}}},
		Signals:  []Signal{{From: Task{Site: "l+0x7 [m]"}, Site: "m+0x8 [m]"}},
		Modules:  []Module{{Refs: []Ref{{By: Task{Site: "n+0x9 [o]"}}}}},
	}
	want := []string{"f+0x1 [m]", "g+0x2 [m]", "h+0x3 [n]", "i+0x4 [n]", "j+0x5 [n]", "k+0x6 [m]", "l+0x7 [m]",
		"m+0x8 [m]", "n+0x9 [o]", "p+0xa [o]"}
	if got := r.Places(); !reflect.DeepEqual(got, want) {
		t.Errorf("Places() = %q; want %q", got, want)
	}
}
