package codec

// message reads an enveloped message: {"body":{"tag":…,"val":{…}}}.
func (c *cursor) message(m *Message, toServer bool) {
	found := false
	for o := c.enter(); ; {
		name, ok := c.member(&o)
		if !ok {
			break
		}
		if string(name) != "body" {
			c.skip()
			continue
		}
		if found {
			c.fail(faultTwice)
			return
		}
		found = true
		c.body(m, toServer)
	}
	if !found {
		c.fail(faultMissing)
	}
	c.finish()
}

// body reads the tagged union. Members come in any order, so the value may
// have to wait for its tag.
func (c *cursor) body(m *Message, toServer bool) {
	val, read := -1, false
	for o := c.enter(); ; {
		name, ok := c.member(&o)
		if !ok {
			break
		}
		switch string(name) {
		case "tag":
			if m.Kind != 0 {
				c.fail(faultTwice)
				return
			}
			if m.Kind = kindOf(c.text()); m.Kind == 0 {
				c.fail(faultTag)
				return
			}
			if m.Kind.toServer() != toServer {
				c.fail(faultDirection)
				return
			}
		case "val":
			if val >= 0 {
				c.fail(faultTwice)
				return
			}
			val = c.off
			if m.Kind == 0 {
				c.walk(-1)
				continue
			}
			c.val(m)
			read = true
		default:
			c.skip()
		}
	}
	switch {
	case c.fault != faultNone || read:
	case m.Kind == 0 || val < 0:
		c.fail(faultMissing)
	default:
		end := c.off
		c.off = val
		if c.val(m); c.fault == faultNone {
			c.off = end
		}
	}
}

func kindOf(tag []byte) Kind {
	for k := KindInit; k <= KindSubscription; k++ {
		if string(tag) == k.String() {
			return k
		}
	}
	return 0
}

func (c *cursor) val(m *Message) {
	switch m.Kind {
	case KindInit:
		c.init(m)
	case KindError:
		m.Err, m.ID, m.HasID = c.error()
	case KindActionResponse:
		c.actionResponse(m)
	case KindEvent:
		c.event(m)
	case KindActionRequest:
		c.actionRequest(m)
	case KindSubscription:
		c.subscription(m)
	}
}

func (c *cursor) init(m *Message) {
	actor, conn := false, false
	for o := c.enter(); ; {
		name, ok := c.member(&o)
		if !ok {
			break
		}
		switch string(name) {
		case "actorId":
			m.ActorID, actor = string(c.text()), true
		case "connectionId":
			m.ConnectionID, conn = string(c.text()), true
		default:
			c.skip()
		}
	}
	c.require(actor && conn)
}

func (c *cursor) actionResponse(m *Message) {
	for o := c.enter(); ; {
		name, ok := c.member(&o)
		if !ok {
			break
		}
		switch string(name) {
		case "id":
			m.ID, m.HasID = c.uint(), true
		case "output":
			m.Value = c.raw()
		default:
			c.skip()
		}
	}
	c.require(m.HasID)
}

func (c *cursor) event(m *Message) {
	named := false
	for o := c.enter(); ; {
		name, ok := c.member(&o)
		if !ok {
			break
		}
		switch string(name) {
		case "name":
			m.Name, named = c.text(), true
		case "args":
			m.Value = c.args()
		default:
			c.skip()
		}
	}
	c.require(named)
	if m.Value == nil {
		m.Value = noArgs(c.json)
	}
}

func (c *cursor) actionRequest(m *Message) {
	named := false
	for o := c.enter(); ; {
		name, ok := c.member(&o)
		if !ok {
			break
		}
		switch string(name) {
		case "id":
			m.ID, m.HasID = c.uint(), true
		case "name":
			m.Name, named = c.text(), true
		case "args":
			m.Value = c.args()
		default:
			c.skip()
		}
	}
	c.require(m.HasID && named && m.Value != nil)
}

func (c *cursor) subscription(m *Message) {
	named, said := false, false
	for o := c.enter(); ; {
		name, ok := c.member(&o)
		if !ok {
			break
		}
		switch string(name) {
		case "eventName":
			m.Name, named = c.text(), true
		case "subscribe":
			m.Subscribe, said = c.boolean(), true
		default:
			c.skip()
		}
	}
	c.require(named && said)
}

func (c *cursor) require(present bool) {
	if !present {
		c.fail(faultMissing)
	}
}

// error reads the members of an error, which are the same on a connection
// and in the body of a response. What it keeps is copied: an error outlives
// the frame.
func (c *cursor) error() (e *Error, id uint64, hasID bool) {
	e = &Error{}
	group, code := false, false
	for o := c.enter(); ; {
		name, ok := c.member(&o)
		if !ok {
			break
		}
		switch string(name) {
		case "group":
			e.Group, group = string(c.text()), true
		case "code":
			e.Code, code = string(c.text()), true
		case "message":
			if !c.null() {
				e.Message = string(c.text())
			}
		case "metadata":
			if !c.null() {
				e.Metadata = c.metadata()
			}
		case "actionId":
			if hasID = !c.null(); hasID {
				id = c.uint()
			}
		case "actor":
			if !c.null() {
				e.Actor = c.actor()
			}
		default:
			c.skip()
		}
	}
	c.require(group && code)
	return e, id, hasID
}

func (c *cursor) metadata() Value {
	enc := CBOR
	if c.json {
		enc = JSON
	}
	return RawValue(enc, append([]byte(nil), c.raw()...))
}

func (c *cursor) actor() *ActorRef {
	a, id := &ActorRef{}, false
	for o := c.enter(); ; {
		name, ok := c.member(&o)
		if !ok {
			break
		}
		switch string(name) {
		case "actorId":
			a.ID, id = string(c.text()), true
		case "generation":
			if !c.null() {
				a.Generation = c.uint()
			}
		case "key":
			if a.HasKey = !c.null(); a.HasKey {
				a.Key = string(c.text())
			}
		default:
			c.skip()
		}
	}
	c.require(id)
	return a
}

// args reads an argument array the way the official server does: null is no
// argument, and what is no array is one argument.
func (c *cursor) args() []byte {
	if c.null() {
		return noArgs(c.json)
	}
	b := c.raw()
	if c.fault != faultNone {
		return nil
	}
	return argArray(c.json, b)
}

// noArgs is an empty argument array.
func noArgs(json bool) []byte {
	if json {
		return []byte("[]")
	}
	return []byte{majorArray << 5}
}

// argArray wraps a value that is no array into one.
func argArray(json bool, b []byte) []byte {
	switch {
	case json && b[0] == '[', !json && b[0]>>5 == majorArray:
		return b
	case json:
		return append(append([]byte{'['}, b...), ']')
	}
	return append([]byte{majorArray<<5 | 1}, b...)
}
