-- Everything that a schema copy has been seen to get wrong, in one schema with an odd name.
CREATE SCHEMA "Odd.Schema ""x""";
CREATE SCHEMA shop;
CREATE TYPE shop.mood AS ENUM ('sad', 'it''s ok', 'back\slash', 'ünïcode');
CREATE DOMAIN shop.moods AS shop.mood[] CHECK (cardinality(VALUE) < 5);
CREATE DOMAIN shop.code AS varchar(8) COLLATE "C" DEFAULT 'none' NOT NULL CONSTRAINT code_form CHECK (VALUE ~ '^[a-z]+$');
ALTER DOMAIN shop.code ADD CONSTRAINT code_later CHECK (VALUE <> 'never') NOT VALID;
CREATE TYPE shop.address AS (street text COLLATE "C", zip varchar(10), "No." int);
CREATE TYPE shop.span AS RANGE (subtype = float8, subtype_diff = float8mi);
COMMENT ON TYPE shop.mood IS 'it''s a mood';

CREATE FUNCTION shop.next_code(prefix text DEFAULT 'a''b') RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN prefix; END $$;
CREATE FUNCTION shop.next_code(n int) RETURNS int LANGUAGE sql IMMUTABLE RETURN n + 1;
CREATE PROCEDURE shop.noop(INOUT x int) LANGUAGE plpgsql AS $$ BEGIN x := x; END $$;
REVOKE EXECUTE ON FUNCTION shop.next_code(int) FROM PUBLIC;
CREATE SEQUENCE shop.free AS smallint START 7 INCREMENT -2 MINVALUE -100 MAXVALUE 10 CACHE 3 CYCLE;

CREATE TABLE "Odd.Schema ""x"""."Weird ""Table"".name" (
  "ID" int GENERATED ALWAYS AS IDENTITY (START 10 INCREMENT 5 MAXVALUE 100000) PRIMARY KEY,
  "select" text NOT NULL DEFAULT 'a''b\c',
  "a.b" shop.moods,
  "c""d" shop.code,
  span shop.span,
  "order" int GENERATED ALWAYS AS ("ID" * 2) STORED,
  place shop.address
);
COMMENT ON COLUMN "Odd.Schema ""x"""."Weird ""Table"".name"."c""d" IS E'tab\there, ''quote''';

CREATE TABLE shop.customer (
  id bigserial PRIMARY KEY,
  email text COLLATE "C" NOT NULL,
  code text DEFAULT shop.next_code('x'::text),
  free smallint DEFAULT nextval('shop.free'),
  status varchar(10) DEFAULT 'new' CHECK (status IN ('new', 'old', 'gone')),
  referrer bigint REFERENCES shop.customer (id) DEFERRABLE INITIALLY DEFERRED,
  favourite bigint,
  doubled int GENERATED ALWAYS AS (shop.next_code(3)) STORED,
  big text,
  CONSTRAINT email_once UNIQUE (email) INCLUDE (code) WITH (fillfactor = 70),
  CONSTRAINT later UNIQUE (code) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT whole CHECK (id > 0 AND (email <> '' OR code IS NOT NULL)) NO INHERIT
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE shop.customer ALTER COLUMN big SET STORAGE EXTERNAL, ALTER COLUMN email SET STATISTICS 500;
ALTER TABLE shop.customer ADD CONSTRAINT old_check CHECK (email <> 'x') NOT VALID;
COMMENT ON TABLE shop.customer IS 'people';
COMMENT ON CONSTRAINT email_once ON shop.customer IS 'once';
COMMENT ON CONSTRAINT whole ON shop.customer IS 'whole';
CREATE INDEX customer_lower ON shop.customer (lower(email) text_pattern_ops DESC NULLS LAST) INCLUDE (code) WHERE status = 'new';
CREATE INDEX customer_next ON shop.customer USING hash (shop.next_code(free::int));
CREATE STATISTICS shop.customer_stats (ndistinct, mcv) ON status, code FROM shop.customer;

CREATE TABLE shop.orders (
  id uuid NOT NULL,
  customer bigint NOT NULL REFERENCES shop.customer ON DELETE CASCADE ON UPDATE SET NULL,
  during tsrange,
  total numeric(12, 2) DEFAULT 0.00,
  EXCLUDE USING gist (during WITH &&) WHERE (total > 0)
);
CREATE UNIQUE INDEX orders_id ON shop.orders (id);
ALTER TABLE shop.orders REPLICA IDENTITY USING INDEX orders_id;
CREATE TABLE shop.keyless (a int, b json) ;
ALTER TABLE shop.keyless REPLICA IDENTITY FULL;
CREATE TABLE shop.gift (id int PRIMARY KEY, giver bigint);
-- A cycle of foreign keys.
ALTER TABLE shop.gift ADD CONSTRAINT giver FOREIGN KEY (giver) REFERENCES shop.customer (id) MATCH FULL NOT VALID;
ALTER TABLE shop.customer ADD CONSTRAINT favourite FOREIGN KEY (favourite) REFERENCES shop.gift (id);
ALTER TABLE shop.customer ALTER COLUMN favourite TYPE int;

CREATE TABLE shop.event (at timestamptz NOT NULL, kind text NOT NULL DEFAULT 'x', part int, note text, PRIMARY KEY (at, kind, part))
  PARTITION BY RANGE (at);
CREATE TABLE shop.event_2024 PARTITION OF shop.event (note DEFAULT 'child' NOT NULL)
  FOR VALUES FROM ('2024-01-01 00:00:00+00') TO ('2025-01-01 00:00:00+00') PARTITION BY LIST (kind);
CREATE TABLE shop.event_2024_ab PARTITION OF shop.event_2024 FOR VALUES IN ('a', 'it''s') PARTITION BY HASH (part);
CREATE TABLE shop.event_2024_ab_0 PARTITION OF shop.event_2024_ab FOR VALUES WITH (modulus 2, remainder 0);
CREATE TABLE shop.event_2024_ab_1 PARTITION OF shop.event_2024_ab FOR VALUES WITH (modulus 2, remainder 1);
CREATE TABLE shop.event_2024_rest PARTITION OF shop.event_2024 DEFAULT;
CREATE TABLE shop.event_rest PARTITION OF shop.event DEFAULT;
CREATE INDEX event_note ON shop.event (note);
CREATE INDEX event_rest_own ON shop.event_rest (part);
ALTER TABLE shop.event ADD CONSTRAINT note_check CHECK (note <> 'bad');
ALTER TABLE shop.event ADD CONSTRAINT event_gift FOREIGN KEY (part) REFERENCES shop.gift (id);

CREATE TABLE shop.base (id int PRIMARY KEY, name text DEFAULT 'base', CONSTRAINT base_name CHECK (name <> ''));
CREATE TABLE shop.derived (extra int, name text DEFAULT 'derived') INHERITS (shop.base);

CREATE VIEW shop.names WITH (security_barrier = true) AS
  SELECT c.id, c.email AS "E-Mail", shop.next_code(1) AS one, (c.status)::text IN ('new', 'old') AS live FROM shop.customer c;
CREATE VIEW shop.a_view_on_view AS SELECT "E-Mail" FROM shop.names WHERE live WITH LOCAL CHECK OPTION;
CREATE MATERIALIZED VIEW shop.totals AS SELECT customer, sum(total) AS total FROM shop.orders GROUP BY customer;
CREATE UNIQUE INDEX totals_customer ON shop.totals (customer);
COMMENT ON COLUMN shop.totals.total IS 'sum';
CREATE FUNCTION shop.total_of(c bigint) RETURNS numeric LANGUAGE sql STABLE
  BEGIN ATOMIC SELECT sum(o.total) FROM shop.orders o WHERE o.customer = c; END;
CREATE FUNCTION shop.all_customers() RETURNS SETOF shop.customer LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY SELECT * FROM shop.customer; END $$;
CREATE AGGREGATE shop.longest(text) (SFUNC = textcat, STYPE = text, INITCOND = 'it''s');
CREATE VIEW shop.long AS SELECT shop.longest(email) AS emails FROM shop.customer;

CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.total := coalesce(NEW.total, 0); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE INSERT OR UPDATE OF total, customer ON shop.orders FOR EACH ROW WHEN (NEW.total IS NULL) EXECUTE FUNCTION shop.touch();
CREATE CONSTRAINT TRIGGER checked AFTER INSERT ON shop.gift DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION shop.touch();
ALTER TABLE shop.gift DISABLE TRIGGER checked;
CREATE TRIGGER part AFTER INSERT ON shop.event FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE RULE no_delete AS ON DELETE TO shop.keyless DO INSTEAD NOTHING;
COMMENT ON TRIGGER touch ON shop.orders IS 'touches';
