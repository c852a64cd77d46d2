package typed

import (
	"math"
	"reflect"
	"time"
	"unsafe"
)

var typeTime = reflect.TypeFor[time.Time]()

// Tags of times, in one byte, and the milliseconds of the years 0 to 9999,
// which the reference takes by way of their text.
const (
	tagTimeText   = 0xc0
	tagTimeNumber = 0xc1
)

var (
	minMillis = float64(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	maxMillis = float64(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() - 1)
)

// timeInto takes the two forms in which JavaScript's Dates are sent, in UTC.
func timeInto(d []byte, i int, p unsafe.Pointer) int {
	if i < len(d) && d[i] == tagTimeNumber {
		seconds, next := number(d, i+1)
		ms := math.Round(seconds * 1000)
		if next < 0 || !(ms >= minMillis && ms <= maxMillis) {
			return notMine
		}
		*(*time.Time)(p) = time.UnixMilli(int64(ms)).UTC()
		return next
	}
	content := i
	if i < len(d) && d[i] == tagTimeText {
		content++
	}
	from, to := span(d, content, majorText)
	if to < 0 {
		return null(d, i)
	}
	text := d[from:to]
	if n := len(text); n < len("2006-01-02T15:04:05Z") || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[n-1] != 'Z' {
		return notMine
	}
	t, err := time.Parse(time.RFC3339, unsafe.String(unsafe.SliceData(text), len(text))) // not kept
	if err != nil {
		return notMine
	}
	*(*time.Time)(p) = t
	return to
}
