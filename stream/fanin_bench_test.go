package stream_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/rivet-go/rivet/stream"
)

// BenchmarkFanIn takes events from many sources in one loop, beside one
// subscription that has as many; an op is one event, and a burst is how many
// of a source come at a time.
func BenchmarkFanIn(b *testing.B) {
	for _, per := range []int{1, burst} {
		for _, n := range []int{0, 1, 10, 100, 1000} {
			for _, way := range []string{"Merge", "FanIn"} {
				name := fmt.Sprintf("burst=%d/sources=%d/%s", per, n, way)
				if n == 0 {
					if way == "FanIn" {
						continue
					}
					name = fmt.Sprintf("burst=%d/one subscription", per)
				}
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					qs := make([]*stream.Queue[event], max(n, 1))
					subs := make([]*stream.Subscription[tick], len(qs))
					for i := range qs {
						qs[i] = newBenchQueue()
						subs[i] = stream.Decoded(qs[i], decodeTick)
					}
					loop := subs[0].All(context.Background())
					if n > 0 {
						loop = fannedIn(way, subs)
					}
					b.ResetTimer()
					go func() {
						batch := make([]event, per)
						for i := 0; i < b.N; i += per {
							qs[i/per%len(qs)].PushWait(nil, batch[:min(per, b.N-i)])
						}
					}()
					seen := 0
					for _, err := range loop {
						if err != nil {
							b.Fatal(err)
						}
						if seen++; seen == b.N {
							break
						}
					}
					b.StopTimer()
					for _, sub := range subs {
						sub.Close()
					}
				})
			}
		}
	}
}

func fannedIn(way string, subs []*stream.Subscription[tick]) func(func(tick, error) bool) {
	if way == "FanIn" {
		f := stream.NewFanIn[tick]()
		for _, sub := range subs {
			f.Add(sub, nil)
		}
		return f.All(context.Background())
	}
	streams := make([]stream.Stream[tick], len(subs))
	for i, sub := range subs {
		streams[i] = stream.FromSubscription(func() *stream.Subscription[tick] { return sub })
	}
	return stream.Merge(streams...).All(context.Background())
}
