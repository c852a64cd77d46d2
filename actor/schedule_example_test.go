package actor_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/actor"
	"github.com/rivet-go/rivet/actor/local"
)

func ExampleAfter() {
	const (
		Remind   = rivet.Action[string, actor.ScheduleID]("remind")
		Ring     = rivet.Action[string, rivet.None]("ring")
		Reminder = rivet.Event[string]("reminder")
	)
	clock := actor.Define("clock", func(d *actor.Definition[struct{}]) {
		actor.Handle(d, Remind, func(c *actor.Context[struct{}], of string) (actor.ScheduleID, error) {
			return actor.After(c, 10*time.Millisecond, Ring, of)
		})
		actor.Do(d, Ring, func(c *actor.Context[struct{}], of string) error {
			return actor.Broadcast(c, Reminder, of)
		})
	})

	host, err := actor.New(actor.Registry{clock}, local.Memory())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	defer host.Shutdown(ctx)

	conn := host.Client().GetOrCreate("clock", rivet.Key{}).Connect(ctx)
	defer conn.Close()
	fmt.Println(Reminder.Await(ctx, conn, func(ctx context.Context) error {
		_, err := Remind.Call(ctx, conn, "tea")
		return err
	}))
	// Output: tea <nil>
}

// What repeats has a name. OnWake may set it at each start: that changes nothing
// as long as the times are the same.
func ExampleCron() {
	const (
		CleanUp = rivet.Action[rivet.None, rivet.None]("cleanUp")
		Report  = rivet.Action[string, rivet.None]("report")
		Plan    = rivet.Action[rivet.None, []string]("plan")
	)
	office := actor.Define("office", func(d *actor.Definition[struct{}]) {
		actor.Do(d, CleanUp, func(*actor.Context[struct{}], rivet.None) error { return nil })
		actor.Do(d, Report, func(*actor.Context[struct{}], string) error { return nil })
		d.OnWake(func(c *actor.Context[struct{}]) error {
			if err := actor.Every(c, "clean up", time.Hour, CleanUp, rivet.None{}); err != nil {
				return err
			}
			return actor.Cron(c, "week", "0 9 * * MON", Report, "boss", actor.TimeZone("Europe/Berlin"))
		})
		actor.Handle(d, Plan, func(c *actor.Context[struct{}], _ rivet.None) ([]string, error) {
			var names []string
			for _, name := range []string{"clean up", "week"} {
				if p, ok := c.Schedule().Named(name); ok {
					names = append(names, p.Action+" "+p.Interval.String()+p.Expr)
				}
			}
			return names, nil
		})
	})

	host, err := actor.New(actor.Registry{office}, local.Memory())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	defer host.Shutdown(ctx)

	fmt.Println(rivet.Do(ctx, host.Client().GetOrCreate("office", rivet.Key{}), Plan))
	// Output: [cleanUp 1h0m0s report 0s0 9 * * MON] <nil>
}
