package actor

import (
	"errors"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"
)

func TestCronTimes(t *testing.T) {
	const layout = "2006-01-02T15:04"
	for _, c := range []struct{ name, expr, zone, from, want string }{
		{"minutes", "*/15 * * * *", "", "2026-01-01T00:07", "01-01T00:15+00 01-01T00:30+00 01-01T00:45+00"},
		{"week days", "0 9 * * MON-FRI", "", "2026-01-02T09:00", "01-05T09:00+00 01-06T09:00+00"},
		{"day of month or of week", "0 0 13 * 5", "", "2026-01-01T00:00", "01-02T00:00+00 01-09T00:00+00 01-13T00:00+00"},
		{"last day", "0 0 L * *", "", "2026-01-31T00:00", "02-28T00:00+00 03-31T00:00+00"},
		{"leap day over 2100", "0 0 29 2 *", "", "2096-03-01T00:00", "02-29T00:00+00 02-29T00:00+00"},
		{"descriptor", "@daily", "Asia/Tokyo", "2026-01-01T00:00", "01-02T00:00+09 01-03T00:00+09"},
		{"half an hour off", "0 9 * * *", "Asia/Kolkata", "2026-01-01T08:00", "01-01T09:00+0530 01-02T09:00+0530"},

		{"left out", "30 2 * * *", "America/New_York", "2026-03-07T03:00", "03-08T03:00-04 03-09T02:30-04"},
		{"left out, several", "0,20,40 2 * * *", "America/New_York", "2026-03-07T03:00", "03-08T03:00-04 03-09T02:00-04 03-09T02:20-04"},
		{"left out and not", "0 2,3 * * *", "America/New_York", "2026-03-08T01:00", "03-08T03:00-04 03-09T02:00-04"},
		{"left out at midnight", "0 0 * * *", "America/Sao_Paulo", "2018-11-03T00:00", "11-04T01:00-02 11-05T00:00-02"},
		{"left out half an hour", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T03:00", "10-04T02:30+11 10-05T02:15+11"},
		{"left out a day", "0 12 * * *", "Pacific/Apia", "2011-12-29T12:00", "12-31T00:00+14 12-31T12:00+14"},
		{"repeated", "30 1 * * *", "America/New_York", "2026-10-31T03:00", "11-01T01:30-04 11-02T01:30-05"},
		{"repeated at midnight", "30 23 * * *", "America/Sao_Paulo", "2018-02-17T00:00", "02-17T23:30-02 02-18T23:30-03"},
		{"beside what is repeated", "0 2-3 * * *", "Europe/Berlin", "2026-10-25T00:00", "10-25T02:00+02 10-25T03:00+01 10-26T02:00+01"},

		{"steady, repeated", "*/30 * * * *", "America/New_York", "2026-11-01T00:30", "11-01T01:00-04 11-01T01:30-04 11-01T01:00-05 11-01T01:30-05 11-01T02:00-05"},
		{"steady, left out", "0 * * * *", "America/New_York", "2026-03-08T00:00", "03-08T01:00-05 03-08T03:00-04 03-08T04:00-04"},
		{"steady, left out wholly", "*/20 2 * * *", "America/New_York", "2026-03-08T00:00", "03-09T02:00-04 03-09T02:20-04"},
		{"steady, half an hour", "0 * * * *", "Australia/Lord_Howe", "2026-04-05T00:00", "04-05T01:00+11 04-05T02:00+1030 04-05T03:00+1030"},
		{"hourly", "@hourly", "Europe/Berlin", "2026-10-25T01:00", "10-25T02:00+02 10-25T02:00+01 10-25T03:00+01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, err := parseTimetable(c.expr, c.zone)
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.ParseInLocation(layout, c.from, table.zone)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for range strings.Fields(c.want) {
				at = table.next(at)
				got = append(got, at.Format("01-02T15:04-07"))
				if strings.HasSuffix(at.Format("-0700"), "30") {
					got[len(got)-1] += "30"
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, " "), c.want)
			}
		})
	}
}

func TestCronErrors(t *testing.T) {
	for _, c := range []struct{ expr, zone, want string }{
		{"", "", "empty"},
		{"* * * *", "", "5 fields"},
		{"* * * * * *", "", "5 fields"},
		{"61 * * * *", "", "59"},
		{"* * * * MOO", "", "MOO"},
		{"*/0 * * * *", "", "step"},
		{"0 0 30 2 *", "", "9 years"},
		{"@every 1s", "", "Every"},
		{"@sometimes", "", "@sometimes"},
		{"TZ=UTC * * * * *", "", "option"},
		{"CRON_TZ=Europe/Berlin 0 0 * * *", "", "option"},
		{"* * * * *", "Europe/Atlantis", "Atlantis"},
		{"* * * * *", "../../etc/passwd", "passwd"},
		{"* * * * *", "Local", "name"},
		{strings.Repeat("*", 5000), "", "too long"},
	} {
		_, err := parseTimetable(c.expr, c.zone)
		var ce *CronError
		if !errors.As(err, &ce) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q in %q: %v, want something of %q", c.expr, c.zone, err, c.want)
		}
	}
}

// Times go forward, the wall shows what the expression says except at a change
// of the clock, and nothing is left out in between.
func TestCronTimesOfDay(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		expr := rapid.SampledFrom([]string{"30 2 * * *", "0 0 * * *", "15 1,3 * * *", "*/10 * * * *", "59 23 * * *", "0 */2 * * *"}).Draw(r, "expr")
		zone := rapid.SampledFrom([]string{"UTC", "America/New_York", "Europe/Dublin", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Tehran", "Africa/Casablanca"}).Draw(r, "zone")
		table, err := parseTimetable(expr, zone)
		if err != nil {
			r.Fatal(err)
		}
		from := time.Unix(rapid.Int64Range(1.2e9, 2e9).Draw(r, "from"), 0).In(table.zone)
		at := table.next(from)
		if !at.After(from) {
			r.Fatalf("the time after %v is %v", from, at)
		}
		matches := func(t time.Time) bool {
			reading := wall(t)
			return table.spec.Next(reading.Add(-1)).Equal(reading)
		}
		if _, changed := at.ZoneBounds(); !matches(at) && table.steady {
			r.Fatalf("%v does not match (%v)", at, changed)
		}
		if start, _ := at.ZoneBounds(); !matches(at) && !at.Equal(start) {
			r.Fatalf("%v does not match, and the clock does not change then", at)
		}
		for m := from.Truncate(time.Minute).Add(time.Minute); m.Before(at); m = m.Add(time.Minute) {
			if !matches(m) {
				continue
			}
			if table.steady || table.firstShown(wall(m)).Equal(m) {
				r.Fatalf("after %v comes %v, but %v matches", from, at, m)
			}
		}
	})
}

func FuzzCron(f *testing.F) {
	for _, expr := range []string{"* * * * *", "@daily", "0 9 * * MON-FRI", "0 0 L * *", "5-3 */7 1,2,,3 JAN ?", "0 0 * * MON#2"} {
		f.Add(expr, "Europe/Berlin")
	}
	f.Fuzz(func(t *testing.T, expr, zone string) {
		table, err := parseTimetable(expr, zone)
		if err != nil {
			return
		}
		now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		for range 5 {
			next := table.next(now)
			if next.IsZero() {
				return
			}
			if !next.After(now) {
				t.Fatalf("%q: after %v comes %v", expr, now, next)
			}
			now = next
		}
	})
}
