package bare_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/rivet-go/rivet/internal/bare"
)

func TestRoundTrip(t *testing.T) {
	var b []byte
	b = bare.AppendU16(b, 0x0102)
	b = bare.AppendU64(b, 0x0102030405060708)
	for _, v := range []uint64{0, 127, 128, 300, 1<<64 - 1} {
		b = bare.AppendUvarint(b, v)
	}
	b = bare.AppendBool(bare.AppendBool(b, true), false)
	b = bare.AppendStr(b, "héllo")
	b = bare.AppendData(b, []byte{1, 2})
	b = bare.AppendData(b, nil)
	want := "\x02\x01" + "\x08\x07\x06\x05\x04\x03\x02\x01" + "\x00\x7f\x80\x01\xac\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" + "\x01\x00" + "\x06h\xc3\xa9llo" + "\x02\x01\x02" + "\x00"
	if string(b) != want {
		t.Fatalf("wrote %x, want %x", b, want)
	}
	r := bare.NewReader(b)
	if v := r.U16(); v != 0x0102 {
		t.Errorf("U16 = %x", v)
	}
	if v := r.U64(); v != 0x0102030405060708 {
		t.Errorf("U64 = %x", v)
	}
	for _, want := range []uint64{0, 127, 128, 300, 1<<64 - 1} {
		if v := r.Uvarint(); v != want {
			t.Errorf("Uvarint = %d, want %d", v, want)
		}
	}
	if !r.Bool() || r.Optional() {
		t.Error("Bool and Optional are not true and false")
	}
	if s := r.Str(); string(s) != "héllo" {
		t.Errorf("Str = %q", s)
	}
	if d := r.Data(); !bytes.Equal(d, []byte{1, 2}) {
		t.Errorf("Data = %x", d)
	}
	if d := r.Data(); d == nil || len(d) != 0 {
		t.Errorf("empty Data = %#v", d)
	}
	if r.Err() != nil || r.Len() != 0 || r.Offset() != len(b) {
		t.Errorf("at the end: %v, %d left, offset %d", r.Err(), r.Len(), r.Offset())
	}
	if s := bare.AppendStr(nil, "a\xffb"); string(s) != "\x05a\uFFFDb" {
		t.Errorf("invalid UTF-8 becomes %q", s)
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		what   string
		data   string
		read   func(*bare.Reader)
		err    error
		offset int
	}{
		{"u16", "\x01", func(r *bare.Reader) { r.U16() }, bare.ErrShort, 0},
		{"u64", "\x01\x02\x03\x04\x05\x06\x07", func(r *bare.Reader) { r.U64() }, bare.ErrShort, 0},
		{"no bool", "", func(r *bare.Reader) { r.Bool() }, bare.ErrShort, 0},
		{"bool 2", "\x02", func(r *bare.Reader) { r.Bool() }, bare.ErrBool, 0},
		{"optional 255", "\x00\xff", func(r *bare.Reader) { r.Bool(); r.Optional() }, bare.ErrBool, 1},
		{"no varint", "", func(r *bare.Reader) { r.Uvarint() }, bare.ErrShort, 0},
		{"varint cut short", "\x80\x80", func(r *bare.Reader) { r.Uvarint() }, bare.ErrShort, 0},
		{"varint of 65 bits", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", func(r *bare.Reader) { r.Uvarint() }, bare.ErrVarint, 0},
		{"varint of 11 bytes", strings.Repeat("\x80", 10) + "\x00", func(r *bare.Reader) { r.Uvarint() }, bare.ErrVarint, 0},
		{"data cut short", "\x02a", func(r *bare.Reader) { r.Data() }, bare.ErrShort, 0},
		{"data of 2^64-1 bytes", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a", func(r *bare.Reader) { r.Data() }, bare.ErrShort, 0},
		{"data of 2^63 bytes", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01a", func(r *bare.Reader) { r.Data() }, bare.ErrShort, 0},
		{"string not UTF-8", "\x00\x01\xff", func(r *bare.Reader) { r.Data(); r.Str() }, bare.ErrUTF8, 1},
	} {
		r := bare.NewReader([]byte(tt.data))
		tt.read(&r)
		if !errors.Is(r.Err(), tt.err) || r.Offset() != tt.offset {
			t.Errorf("%s: %v at %d, want %v at %d", tt.what, r.Err(), r.Offset(), tt.err, tt.offset)
		}
	}
}

func TestFailureSticks(t *testing.T) {
	r := bare.NewReader([]byte("\x09abc\x01\x01"))
	r.Str()
	first := r.Err()
	if r.U16() != 0 || r.U64() != 0 || r.Uvarint() != 0 || r.Bool() || r.Str() != nil || r.Data() != nil {
		t.Error("values after a failure")
	}
	r.Fail(errors.New("later"))
	if first == nil || r.Err() != first || r.Offset() != 0 {
		t.Errorf("error %v at %d, first was %v", r.Err(), r.Offset(), first)
	}
}

func TestDataDoesNotGrowIntoTheRest(t *testing.T) {
	b := []byte("\x01a\x01b")
	r := bare.NewReader(b)
	_ = append(r.Data(), 'x') // one byte, for which the rest has room
	if string(b) != "\x01a\x01b" {
		t.Errorf("data are now %q", b)
	}
}

// FuzzReader runs a script of reads: it must end within the data, alias it,
// and never allocate by a length that it reads.
func FuzzReader(f *testing.F) {
	f.Add([]byte("\x02\x01\x05hello\x01\x00"), []byte{0, 4, 3, 5})
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), []byte{5})
	f.Fuzz(func(t *testing.T, data, script []byte) {
		r := bare.NewReader(data)
		for _, op := range script {
			before := r.Offset()
			var b []byte
			switch op % 6 {
			case 0:
				r.U16()
			case 1:
				r.U64()
			case 2:
				r.Uvarint()
			case 3:
				r.Bool()
			case 4:
				b = r.Str()
			case 5:
				b = r.Data()
			}
			switch {
			case r.Err() != nil && r.Offset() != before:
				t.Fatalf("moved from %d to %d and failed", before, r.Offset())
			case r.Err() == nil && r.Offset() <= before:
				t.Fatalf("did not move from %d", before)
			case r.Offset() > len(data) || r.Len() != len(data)-r.Offset():
				t.Fatalf("offset %d of %d, %d left", r.Offset(), len(data), r.Len())
			case len(b) > 0 && &b[len(b)-1] != &data[r.Offset()-1]:
				t.Fatal("bytes do not alias the data")
			}
		}
	})
}

func TestReadingDoesNotAllocate(t *testing.T) {
	data := []byte("\x04\x00\x03\x04tick\x02\x81\x01")
	if n := testing.AllocsPerRun(100, func() {
		r := bare.NewReader(data)
		r.U16()
		r.Uvarint()
		r.Str()
		r.Data()
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
	}); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}
