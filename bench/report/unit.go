package report

import (
	"math"
	"strconv"
	"strings"
)

// unit is what a metric is in.
type unit int

const (
	number unit = iota
	duration
	size
	rate
)

// unitOf takes the unit of a metric from its name, and what to multiply figures by
// for seconds if it is a time.
func unitOf(metric string) (u unit, scale float64) {
	what, per, _ := strings.Cut(metric, "/")
	what = what[strings.LastIndexByte(what, '-')+1:]
	switch {
	case per == "s":
		return rate, 1
	case what == "B":
		return size, 1
	case what == "ns":
		return duration, 1e-9
	case what == "us":
		return duration, 1e-6
	case what == "ms":
		return duration, 1e-3
	case what == "s":
		return duration, 1
	}
	return number, 1
}

// format writes a figure of a metric with its unit.
func format(metric string, v float64) string {
	u, scale := unitOf(metric)
	switch u {
	case duration:
		return scaled(v*scale*1e9, 1000, "ns", "µs", "ms", "s")
	case size:
		return scaled(v, 1024, "B", "KiB", "MiB", "GiB")
	case rate:
		return scaled(v, 1000, "/s", "k/s", "M/s", "G/s")
	}
	return plain(v)
}

// scaled writes a figure in the greatest unit that it has one of.
func scaled(v, step float64, units ...string) string {
	if v == 0 {
		return "0"
	}
	i := 0
	for i < len(units)-1 && round(math.Abs(v)) >= step {
		v /= step
		i++
	}
	return plain(v) + " " + units[i]
}

// least is what is told from nothing.
const least = 0.001

// plain writes a number with three digits that mean something, and with all before
// the point.
func plain(v float64) string {
	if v > 0 && v < least {
		return "<0.001"
	}
	return thousands(strconv.FormatFloat(round(v), 'f', -1, 64))
}

// round rounds to three digits, but never before the point.
func round(v float64) float64 {
	return to(v, 3)
}

func to(v float64, digits int) float64 {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return v
	}
	after := max(0, digits-1-int(math.Floor(math.Log10(math.Abs(v)))))
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'f', after, 64), 64)
	if err != nil {
		return v
	}
	return rounded
}

// times writes a ratio.
func times(v float64) string {
	if v > 0 && v < least {
		return "<0.001×"
	}
	return thousands(strconv.FormatFloat(to(v, 2), 'f', -1, 64)) + "×"
}

// thousands separates the digits of a number before the point.
func thousands(digits string) string {
	whole, rest, point := strings.Cut(digits, ".")
	if point {
		rest = "." + rest
	}
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return sign + whole + rest
}
