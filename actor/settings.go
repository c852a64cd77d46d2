package actor

import (
	"fmt"
	"time"
)

// settings are what DefinitionOptions change. The defaults are RivetKit's.
type settings struct {
	actionTimeout  time.Duration
	connectTimeout time.Duration
	sleepAfter     time.Duration
	stopGrace      time.Duration
	saveInterval   time.Duration
	mailbox        int
	maxIncoming    int
	maxOutgoing    int

	queueSize, maxQueueMessage int
}

func defaultSettings() settings {
	return settings{
		actionTimeout:  time.Minute,
		connectTimeout: 5 * time.Second,
		sleepAfter:     30 * time.Second,
		stopGrace:      15 * time.Second,
		saveInterval:   time.Second,
		mailbox:        1024,
		maxIncoming:    64 << 10,
		maxOutgoing:    1 << 20,

		queueSize:       1000,
		maxQueueMessage: 64 << 10,
	}
}

// DefinitionOption changes the limits of an actor. What is wrong with its value
// is an error of New.
type DefinitionOption interface {
	applyDefinition(*settings) error
}

type definitionOption func(*settings) error

func (f definitionOption) applyDefinition(s *settings) error { return f(s) }

func duration(name string, d time.Duration, set func(*settings)) DefinitionOption {
	return definitionOption(func(s *settings) error {
		if d <= 0 {
			return fmt.Errorf("%s: %v is not above zero", name, d)
		}
		set(s)
		return nil
	})
}

// ActionTimeout bounds an action, from its arrival to its reply; 60 s by
// default. Then the caller is told actor.action_timed_out and the Context is
// done; a handler that goes on all the same keeps its turn. A call that has
// waited so long without beginning is refused as actor.overloaded.
func ActionTimeout(d time.Duration) DefinitionOption {
	return duration("ActionTimeout", d, func(s *settings) { s.actionTimeout = d })
}

// ConnectTimeout bounds each of OnBeforeConnect, CreateConnState and OnConnect;
// 5 s by default. Then the connection is refused.
func ConnectTimeout(d time.Duration) DefinitionOption {
	return duration("ConnectTimeout", d, func(s *settings) { s.connectTimeout = d })
}

// SleepAfter is how long an actor stays awake with nothing to do; 30 s by
// default. Connections do not keep it awake, what arrives over them does; raw
// WebSockets do.
func SleepAfter(d time.Duration) DefinitionOption {
	return duration("SleepAfter", d, func(s *settings) { s.sleepAfter = d })
}

// NoSleep lets an actor stay awake until it is destroyed, sleeps by
// Context.Sleep, or the host shuts down.
func NoSleep() DefinitionOption {
	return definitionOption(func(s *settings) error { s.sleepAfter = 0; return nil })
}

// StopGrace is how long an actor that is to stop waits for its handlers before
// their contexts tell them to end, and again for OnSleep and OnDestroy; 15 s by
// default. Handlers that go on all the same have a quarter of it.
func StopGrace(d time.Duration) DefinitionOption {
	return duration("StopGrace", d, func(s *settings) { s.stopGrace = d })
}

// SaveInterval is how often a changing state is saved at the most, hence how
// much a crash can lose; 1 s by default.
func SaveInterval(d time.Duration) DefinitionOption {
	return duration("SaveInterval", d, func(s *settings) { s.saveInterval = d })
}

// MailboxSize bounds the calls that an actor has at a time, those that wait, run,
// are in Await, or wait for SaveFirst, all together; 1,024 by default. More are
// refused with actor.overloaded.
func MailboxSize(n int) DefinitionOption {
	return definitionOption(func(s *settings) error {
		if n < 1 {
			return fmt.Errorf("MailboxSize: %d is not above zero", n)
		}
		s.mailbox = n
		return nil
	})
}

// MaxMessage bounds the encoded messages of clients and those to them, in
// bytes; 64 KiB and 1 MiB by default. Raw HTTP and raw WebSockets have the
// gateway's limits.
func MaxMessage(incoming, outgoing int) DefinitionOption {
	return definitionOption(func(s *settings) error {
		if incoming < 1 || outgoing < 1 {
			return fmt.Errorf("MaxMessage: %d and %d are not both above zero", incoming, outgoing)
		}
		s.maxIncoming, s.maxOutgoing = incoming, outgoing
		return nil
	})
}

// QueueSize bounds how many messages an actor's queues hold all together, until
// they are completed; 1,000 by default. More are refused with queue.full.
func QueueSize(n int) DefinitionOption {
	return definitionOption(func(s *settings) error {
		if n < 1 {
			return fmt.Errorf("QueueSize: %d is not above zero", n)
		}
		s.queueSize = n
		return nil
	})
}

// MaxQueueMessage bounds the encoded body of a queue message, in bytes; 64 KiB by
// default, MaxValue at most. Larger ones are refused with
// queue.message_too_large. MaxMessage bounds the whole request as well.
func MaxQueueMessage(bytes int) DefinitionOption {
	return definitionOption(func(s *settings) error {
		if bytes < 1 || bytes > MaxValue {
			return fmt.Errorf("MaxQueueMessage: %d is not between 1 and %d", bytes, MaxValue)
		}
		s.maxQueueMessage = bytes
		return nil
	})
}
