package rivettest_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/rivettest"
)

func TestQueues(t *testing.T) {
	inMemory(t, func(t *testing.T, gw *rivettest.Gateway) {
		seen := make(chan string, 10)
		gw.Actor("counter").Queue("jobs", func(_ context.Context, m *rivettest.QueueMessage) (any, error) {
			var job string
			if err := m.Body.Decode(&job); err != nil {
				return nil, err
			}
			seen <- job
			return "done " + job, nil
		}).OnPublish(func(_ context.Context, m *rivettest.QueueMessage) error {
			if m.Queue == "full" {
				return rivettest.Error("queue", "full", "Queue is full.", nil)
			}
			return nil
		})
		for _, enc := range encodings {
			send := func(queue string, wait bool, limit time.Duration) (int, codec.QueueResult, *codec.Error) {
				body, err := codec.Marshal(enc, "job")
				if err != nil {
					t.Fatal(err)
				}
				q := codec.AppendQueueSend(nil, enc, codec.QueueSend{Name: queue, Body: body, Wait: wait, Timeout: limit})
				status, h, data := do(t, gw, http.MethodPost, "/gateway/counter/queue/"+queue+query, http.Header{"X-Rivet-Encoding": {enc.String()}}, q)
				if status != 200 {
					return status, codec.QueueResult{}, codec.DecodeHTTPError(enc, status, h.Get("Content-Type"), data)
				}
				res, err := codec.DecodeQueueResult(enc, data)
				if err != nil {
					t.Fatal(err)
				}
				return status, res, nil
			}
			if _, res, err := send("jobs", false, 0); err != nil || res.Status != "completed" || len(res.Response) > 0 {
				t.Errorf("%v: no wait: %+v %v", enc, res, err)
			}
			if got := <-seen; got != "job" {
				t.Errorf("%v: consumed %q", enc, got)
			}
			if _, res, err := send("jobs", true, time.Second); err != nil || res.Status != "completed" || decode[string](t, enc, res.Response) != "done job" {
				t.Errorf("%v: wait: %+v %v", enc, res, err)
			}
			start := time.Now()
			if _, res, err := send("parked", true, 5*time.Second); err != nil || res.Status != "timedOut" || time.Since(start) != 5*time.Second {
				t.Errorf("%v: nobody consumes: %+v %v after %v", enc, res, err, time.Since(start))
			}
			if _, _, err := send("full", false, 0); err == nil || err.Group != "queue" || err.Code != "full" {
				t.Errorf("%v: full: %v", enc, err)
			}
		}
		if sends := gw.Requests(func(r rivettest.HTTPRequest) bool { return r.Queue != nil && r.Queue.Wait }); len(sends) != 6 {
			t.Errorf("%d waits recorded", len(sends))
		}
	})
}
