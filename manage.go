package rivet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/internal/gateway"
)

// ActorInfo is what the engine knows of an actor. Times are zero for what has
// not happened. Servers before 2.3 leave most of it out.
type ActorInfo struct {
	ID          string
	Name        string
	Key         Key
	NamespaceID string
	Region      string
	Pool        string
	CrashPolicy CrashPolicy
	Created     time.Time
	Started     time.Time
	Connectable time.Time
	Slept       time.Time
	Destroyed   time.Time
	// Error is why the actor could not be started, as JSON in the engine's own
	// form, nil when nothing is wrong.
	Error json.RawMessage
}

func actorInfo(a gateway.Actor) ActorInfo {
	at := func(ms *int64) time.Time {
		if ms == nil {
			return time.Time{}
		}
		return time.UnixMilli(*ms)
	}
	info := ActorInfo{
		ID: a.ID, Name: a.Name, Key: ParseKey(a.Key), NamespaceID: a.NamespaceID,
		Region: a.Datacenter, Pool: a.Pool, CrashPolicy: CrashPolicy(a.CrashPolicy),
		Created: at(a.CreateTS), Started: at(a.StartTS), Connectable: at(a.ConnectableTS),
		Slept: at(a.SleepTS), Destroyed: at(a.DestroyTS),
	}
	if len(a.Error) > 0 && string(a.Error) != "null" {
		info.Error = a.Error
	}
	return info
}

// errNotFound is what the engine's gateway says of a missing actor; its API
// answers with an empty list instead.
func errNotFound() error {
	return &codec.Error{Group: "actor", Code: "not_found", Message: "The actor does not exist or was destroyed."}
}

// Create creates an actor and returns a handle by its id. ErrActorExists says
// that another actor has the key. It does one request; when that fails without
// an answer, the actor may have been created nevertheless.
func (c *Client) Create(ctx context.Context, name string, key Key, opts ...HandleOption) (*Handle, error) {
	h := c.handle(conn.OrCreate, name, key, "", opts)
	ctx, end, err := h.begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("rivet: create %v: %w", h, err)
	}
	defer end()
	var created gateway.ActorResult
	err = c.retry(ctx, func() (verdict, error) {
		t, err := c.target(ctx)
		if err != nil {
			return unsent(err, conn.ByKey), err
		}
		err = c.api(ctx, t, http.MethodPost, "/actors", h.creation(), &created)
		return judge(err, conn.OrCreate, false), err
	})
	if err == nil && created.Actor.ID == "" {
		err = &answerError{"names no actor"}
	}
	if err != nil {
		return nil, fmt.Errorf("rivet: create %v: %w", h, err)
	}
	made := *h
	made.addressing, made.id = conn.ByID, created.Actor.ID
	return &made, nil
}

// creation is the body of a request that creates the actor.
func (h *Handle) creation() *gateway.CreateRequest {
	return &gateway.CreateRequest{
		Datacenter:  h.set.region,
		Name:        h.name,
		Key:         h.key.String(),
		Pool:        h.set.pool,
		Input:       h.set.input,
		CrashPolicy: string(h.set.crashPolicy),
	}
}

// resolve returns the actor's id, and creates the actor where the handle says
// so.
func (h *Handle) resolve(ctx context.Context, t *target) (string, error) {
	switch h.addressing {
	case conn.ByID:
		return h.id, nil
	case conn.ByKey:
		a, err := h.find(ctx, t)
		return a.ID, err
	}
	var made gateway.ActorResult
	err := h.client.api(ctx, t, http.MethodPut, "/actors", h.creation(), &made)
	if reservedElsewhere(err) {
		a, err := h.find(ctx, t)
		return a.ID, err
	}
	if err == nil && made.Actor.ID == "" {
		err = &answerError{"names no actor"}
	}
	return made.Actor.ID, err
}

// reservedElsewhere reports whether a key belongs to another datacenter, which
// only a get by key can find.
func reservedElsewhere(err error) bool {
	var e *codec.Error
	return errors.As(err, &e) && e.Group == "actor" && e.Code == "key_reserved_in_different_datacenter"
}

// find asks the engine for the actor without creating it.
func (h *Handle) find(ctx context.Context, t *target) (gateway.Actor, error) {
	query := "?actor_ids=" + gateway.EscapeComponent(h.id)
	if h.addressing != conn.ByID {
		query = "?name=" + gateway.EscapeComponent(h.name) + "&key=" + gateway.EscapeComponent(h.key.String())
	}
	var list gateway.ActorList
	if err := h.client.api(ctx, t, http.MethodGet, "/actors"+query, nil, &list); err != nil {
		return gateway.Actor{}, err
	}
	for _, a := range list.Actors {
		if a.ID != "" && (h.addressing == conn.ByID || a.DestroyTS == nil) {
			return a, nil
		}
	}
	return gateway.Actor{}, errNotFound()
}

// Info asks the engine about the actor and never creates it. A handle by id
// still finds an actor that was destroyed. The error is ErrActorNotFound when
// there is none.
func (h *Handle) Info(ctx context.Context) (ActorInfo, error) {
	a, err := h.lookUp(ctx)
	if err != nil {
		return ActorInfo{}, fmt.Errorf("rivet: info of %v: %w", h, err)
	}
	return actorInfo(a), nil
}

func (h *Handle) lookUp(ctx context.Context) (a gateway.Actor, err error) {
	ctx, end, err := h.begin(ctx)
	if err != nil {
		return a, err
	}
	defer end()
	err = h.client.retry(ctx, func() (verdict, error) {
		t, err := h.client.target(ctx)
		if err == nil {
			a, err = h.find(ctx, t)
		}
		return unsent(err, conn.ByKey), err
	})
	return a, err
}

// Destroy destroys the actor with all its state; the handle of a key then
// finds none, or makes a new one. Destroying an actor that is destroyed
// already succeeds by id; by key it is ErrActorNotFound.
func (h *Handle) Destroy(ctx context.Context) error {
	if err := h.destroy(ctx); err != nil {
		return fmt.Errorf("rivet: destroy %v: %w", h, err)
	}
	return nil
}

func (h *Handle) destroy(ctx context.Context) error {
	ctx, end, err := h.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	id := h.id
	if id == "" {
		a, err := h.lookUp(ctx)
		if err != nil {
			return err
		}
		id = a.ID
	}
	return h.client.retry(ctx, func() (verdict, error) {
		t, err := h.client.target(ctx)
		if err == nil {
			err = h.client.api(ctx, t, http.MethodDelete, "/actors/"+gateway.EscapeComponent(id), nil, nil)
		}
		return unsent(err, conn.ByKey), err
	})
}

// listPage is how many actors one request of List asks for.
const listPage = 100

// List ranges over the actors of a name that are not destroyed, asking the
// engine page by page as the loop goes on. An error is the last step.
func (c *Client) List(ctx context.Context, name string) iter.Seq2[ActorInfo, error] {
	return func(yield func(ActorInfo, error) bool) {
		cursor := ""
		for {
			page, err := c.page(ctx, name, cursor)
			if err != nil {
				yield(ActorInfo{}, fmt.Errorf("rivet: list %s: %w", printable(name), err))
				return
			}
			for _, a := range page.Actors {
				if a.DestroyTS == nil && !yield(actorInfo(a), nil) {
					return
				}
			}
			next := page.Pagination.Cursor
			if next == nil || *next == "" || len(page.Actors) == 0 {
				return
			}
			if *next == cursor {
				yield(ActorInfo{}, fmt.Errorf("rivet: list %s: %w", printable(name), &answerError{"repeats its cursor"}))
				return
			}
			cursor = *next
		}
	}
}

func (c *Client) page(ctx context.Context, name, cursor string) (*gateway.ActorList, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	ctx, end, err := c.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	ctx, cancel := c.withCallTimeout(ctx)
	defer cancel()
	path := fmt.Sprintf("/actors?name=%s&limit=%d", gateway.EscapeComponent(name), listPage)
	if cursor != "" {
		path += "&cursor=" + gateway.EscapeComponent(cursor)
	}
	var list gateway.ActorList
	err = c.retry(ctx, func() (verdict, error) {
		list = gateway.ActorList{}
		t, err := c.target(ctx)
		if err == nil {
			err = c.api(ctx, t, http.MethodGet, path, nil, &list)
		}
		return unsent(err, conn.ByKey), err
	})
	return &list, err
}

// api does one request of the engine's API and decodes the answer into out.
func (c *Client) api(ctx context.Context, t *target, method, path string, in, out any) error {
	header, err := c.apiHeader(ctx, t)
	if err != nil {
		return err
	}
	r := request{method: method, header: header, limit: maxAPIBody}
	r.url = t.base + gateway.JoinQuery(path, "namespace="+gateway.EscapeComponent(t.namespace))
	if in != nil {
		if r.body, err = json.Marshal(in); err != nil {
			return &notSentError{err}
		}
		header.Set("Content-Type", "application/json")
	}
	reply, err := c.exchange(ctx, r)
	if err == nil {
		err = reply.failure(jsonEncoding)
	}
	c.learn(t, err)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(reply.body, out); err != nil {
		return &answerError{"is no JSON of the engine's API"}
	}
	return nil
}

// learn drops what metadata said when it may be out of date: the token was
// refused, or the place that it named cannot be reached.
func (c *Client) learn(t *target, err error) {
	if err == nil {
		return
	}
	var early *notSentError
	if denied(err) || errors.As(err, &early) && t.base != c.cfg.endpoint.Base {
		c.forget(t)
	}
}

// learnLink is learn for a socket that could not be opened, or was opened and
// has ended.
func (c *Client) learnLink(t *target, err error, opened bool) {
	var answer *codec.Error
	var closed *CloseError
	if !opened && !errors.As(err, &answer) && !errors.As(err, &closed) {
		err = &notSentError{err} // nobody was there to say why
	}
	c.learn(t, err)
}
