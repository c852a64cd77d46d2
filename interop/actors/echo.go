package actors

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/codec"
)

// rest is JavaScript's ...args, as many as the tests have. An undefined at the
// end is not told from an argument that is not there.
type rest struct {
	rivet.Positional
	A0, A1, A2, A3, A4, A5, A6, A7, A8, A9 codec.Value
	B0, B1, B2, B3, B4, B5, B6, B7, B8, B9 codec.Value
	C0, C1, C2, C3, C4, C5, C6, C7, C8, C9 codec.Value
	D0, D1, D2, D3, D4, D5, D6, D7, D8, D9 codec.Value
}

func (r rest) list() []codec.Value {
	var all []codec.Value
	for _, v := range reflect.ValueOf(r).Fields() {
		if v, ok := v.Interface().(codec.Value); ok {
			all = append(all, v)
		}
	}
	for len(all) > 0 && len(all[len(all)-1].Bytes()) == 0 {
		all = all[:len(all)-1]
	}
	return all
}

func echo(opts []actor.DefinitionOption) actor.Actor {
	type context = *actor.Context[struct{}]
	return actor.Define("echo", func(d *actor.Definition[struct{}]) {
		actor.Handle(d, rivet.Action[rest, []codec.Value]("echo"), func(_ context, in rest) ([]codec.Value, error) { return in.list(), nil })
		actor.Handle(d, rivet.Action[codec.Value, codec.Value]("one"), func(_ context, v codec.Value) (codec.Value, error) { return v, nil })
		actor.Handle(d, rivet.Action[rest, []string]("describe"), func(_ context, in rest) ([]string, error) {
			out := []string{}
			for _, v := range in.list() {
				var got any
				if v.IsUndefined() {
					out = append(out, "undefined")
					continue
				}
				if err := v.Decode(&got); err != nil {
					return nil, err
				}
				out = append(out, describe(got))
			}
			return out, nil
		})
		actor.Handle(d, rivet.Action[rest, int]("count"), func(_ context, in rest) (int, error) { return len(in.list()), nil })
		actor.Handle(d, rivet.Action[string, any]("sample"), func(_ context, name string) (any, error) { return samples()[name], nil })
		actor.Handle(d, rivet.Action[none, []string]("sampleNames"), func(context, none) ([]string, error) {
			var names []string
			for name := range samples() {
				names = append(names, name)
			}
			slices.Sort(names)
			return names, nil
		})
		actor.Handle(d, rivet.Action[string, string]("emitSample"), func(c context, name string) (string, error) {
			return name, actor.Broadcast(c, rivet.Event[any]("sample"), samples()[name])
		})
		type emission struct {
			rivet.Positional
			Name             string
			A, B, C, D, E, F codec.Value
		}
		actor.Do(d, rivet.Action[emission, none]("emit"), func(c context, in emission) error {
			args := rest{A0: in.A, A1: in.B, A2: in.C, A3: in.D, A4: in.E, A5: in.F}
			switch n := len(args.list()); n {
			case 0:
				return actor.Broadcast(c, rivet.Event[none](in.Name), none{})
			case 1:
				return actor.Broadcast(c, rivet.Event[codec.Value](in.Name), in.A)
			case 2:
				type two struct {
					rivet.Positional
					A, B codec.Value
				}
				return actor.Broadcast(c, rivet.Event[two](in.Name), two{A: in.A, B: in.B})
			case 3:
				type three struct {
					rivet.Positional
					A, B, C codec.Value
				}
				return actor.Broadcast(c, rivet.Event[three](in.Name), three{A: in.A, B: in.B, C: in.C})
			default:
				return fmt.Errorf("an event of %d arguments is more than this fixture has", n)
			}
		})
		actor.Handle(d, rivet.Action[int, int]("emitBig"), func(c context, n int) (int, error) {
			_ = actor.Broadcast(c, rivet.Event[string]("big"), strings.Repeat("x", n)) // too large: for the log
			return n, nil
		})
		actor.Handle(d, rivet.Action[int, string]("big"), func(_ context, n int) (string, error) { return strings.Repeat("x", n), nil })
		actor.Handle(d, rivet.Action[int, []byte]("bigBytes"), func(_ context, n int) ([]byte, error) { return bytes.Repeat([]byte{7}, n), nil })
		actor.Handle(d, rivet.Action[codec.Value, int]("size"), func(_ context, v codec.Value) (int, error) {
			var text string
			if err := v.Decode(&text); err == nil {
				return len(text), nil
			}
			var data []byte
			err := v.Decode(&data)
			return len(data), err
		})
	}, opts...)
}

func samples() map[string]any {
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	object40 := map[string]int{}
	for i := range 40 {
		object40["k"+strconv.Itoa(i)] = i
	}
	return map[string]any{
		"null":           nil,
		"undefined":      codec.Undefined{},
		"true":           true,
		"zero":           0,
		"minusOne":       -1,
		"int32":          math.MaxInt32,
		"uint32":         uint32(math.MaxUint32),
		"uint32plus1":    int64(1) << 32,
		"maxSafe":        int64(1)<<53 - 1,
		"minSafe":        -(int64(1)<<53 - 1),
		"float":          1.5,
		"floatPi":        math.Pi,
		"negZero":        math.Copysign(0, -1),
		"nan":            math.NaN(),
		"infinity":       math.Inf(1),
		"bigSmall":       big.NewInt(1),
		"bigU64":         new(big.Int).SetUint64(math.MaxUint64),
		"bigNeg":         big.NewInt(math.MinInt64),
		"bigHuge":        huge,
		"bytes":          []byte{0, 1, 2, 253, 254, 255},
		"bytesEmpty":     []byte{},
		"arrayBuffer":    []byte{9, 8, 7},
		"float32":        []float32{1.5, -2.5},
		"uint16":         []uint16{1, 65535},
		"date":           time.Date(2024, 2, 29, 12, 34, 56, 789_000_000, time.UTC),
		"set":            codec.Set[any]{1, "two", big.NewInt(3)},
		"map":            codec.Map[string, any]{{Key: "a", Value: 1}, {Key: "b", Value: []int{2, 3}}},
		"mapIntKeys":     codec.Map[int, string]{{Key: 1, Value: "one"}, {Key: 2, Value: "two"}},
		"emptyArray":     []any{},
		"emptyObject":    map[string]any{},
		"emptyString":    "",
		"unicode":        "h\u00e9llo \u4e16\u754c \U0001F980 \u0000\u001f\"\\/",
		"nested":         map[string]any{"a": []any{1, map[string]any{"b": []any{nil, map[string]any{"c": "d"}}}}, "e": map[string]any{"f": map[string]any{"g": []any{}}}},
		"undefinedField": map[string]any{"a": codec.Undefined{}, "b": 1},
		"arrayHole":      []any{codec.Undefined{}, nil, 1},
		"dollarPair":     []any{"$BigInt", "5"},
		"dollarPair2":    []any{"$$x", map[string]any{"y": 1}},
		"dollarTriple":   []any{"$x", 1, 2},
		"long":           strings.Repeat("x", 300),
		"object40":       object40,
	}
}

// describe says what came, in the words of actors.mjs.
func describe(v any) string {
	list := func(vs []any) string {
		var parts []string
		for _, v := range vs {
			parts = append(parts, describe(v))
		}
		return strings.Join(parts, ",")
	}
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return fmt.Sprintf("boolean:%t", v)
	case int64:
		return fmt.Sprintf("number:%d", v)
	case float64:
		if size := math.Abs(v); size < 1e21 {
			return "number:" + strconv.FormatFloat(v, 'f', -1, 64)
		}
		return "number:" + strings.Replace(strconv.FormatFloat(v, 'e', -1, 64), "Inf", "Infinity", 1)
	case *big.Int:
		return "bigint:" + v.String()
	case string:
		return "string:" + v
	case []byte:
		return fmt.Sprintf("Uint8Array:%x", v)
	case time.Time:
		return "Date:" + v.UTC().Format("2006-01-02T15:04:05.000Z")
	case []any:
		return "[" + list(v) + "]"
	case codec.Set[any]:
		return "Set(" + list(v) + ")"
	case codec.Map[any, any]:
		var parts []string
		for _, e := range v {
			parts = append(parts, describe(e.Key)+"=>"+describe(e.Value))
		}
		return "Map(" + strings.Join(parts, ",") + ")"
	case map[string]any:
		var parts []string
		for k, w := range v {
			parts = append(parts, k+":"+describe(w))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ",") + "}"
	}
	return fmt.Sprintf("%T", v)
}
