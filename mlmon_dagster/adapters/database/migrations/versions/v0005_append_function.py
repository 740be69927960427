"""Postgres: entries are appended by one function, which runs as the owner and judges the connected role once more."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Makes the functions; on SQLite, which has no roles, there is nothing to make."""
    if op.get_bind().dialect.name == "postgresql":
        for statement in FUNCTIONS:
            op.execute(sa.text(statement.replace(":", "\\:")))


LOCK = """
CREATE FUNCTION audit_head_lock() RETURNS TABLE (seq bigint, hash text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    RETURN QUERY SELECT h.seq, h.hash::text FROM audit_head h FOR UPDATE;
END $$
"""
"""Commands queue at the head row; only its owner may write it."""

GUARD = """
CREATE FUNCTION audit_guard(entry jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    action text = entry->>'action';
    actor text = entry->>'actor';
    runner boolean = EXISTS (
        SELECT 1 FROM pg_roles r WHERE r.rolname = 'mlmon_runner' AND pg_has_role(session_user, r.oid, 'MEMBER'));
    asked record;
    needed integer;
    given integer;
BEGIN
    IF EXISTS (SELECT 1 FROM pg_class c JOIN pg_roles r ON r.rolname = session_user
               WHERE c.oid = 'audit_log'::regclass AND (c.relowner = r.oid OR r.rolsuper)) THEN
        RETURN;
    END IF;
    IF runner AND (actor NOT LIKE 'machine:%' OR action ~ '^(role|person|override|account|token|session|project|key)[.]'
                   OR action IN ('promotion.approved', 'promotion.rejected', 'lock.released', 'maintenance.set')) THEN
        RAISE EXCEPTION 'the role % may not record % by %', session_user, action, actor USING ERRCODE = '42501';
    END IF;
    IF NOT runner AND (actor LIKE 'machine:%' AND action <> 'alert.raised' AND action <> 'alert.undeliverable'
                       OR action = 'promotion.opened') THEN
        RAISE EXCEPTION 'the role % may not record % by %', session_user, action, actor USING ERRCODE = '42501';
    END IF;
    IF action = 'promotion.approved' THEN
        SELECT p.requester INTO asked FROM promotions p WHERE p.id = entry->>'subject';
        IF NOT FOUND OR (SELECT coalesce((SELECT person FROM people WHERE id = actor), actor))
                      = (SELECT coalesce((SELECT person FROM people WHERE id = asked.requester), asked.requester)) THEN
            RAISE EXCEPTION '% may not approve %', actor, entry->>'subject' USING ERRCODE = '42501';
        END IF;
    END IF;
    IF action = 'deployment.started' AND entry->'data'->>'promotion' IS NOT NULL THEN
        SELECT p.* INTO asked FROM promotions p WHERE p.id = entry->'data'->>'promotion';
        needed = CASE entry->>'environment' WHEN 'dev' THEN 0 WHEN 'staging' THEN 1 ELSE 2 END;
        SELECT count(DISTINCT coalesce(o.person, a.approver)) INTO given
        FROM approvals a LEFT JOIN people o ON o.id = a.approver
        WHERE a.promotion = asked.id AND a.digest = asked.digest AND a.pipeline_digest = asked.pipeline_digest
          AND a.git_commit = asked.git_commit
          AND coalesce(o.person, a.approver)
              <> coalesce((SELECT person FROM people WHERE id = asked.requester), asked.requester);
        IF asked.id IS NULL OR asked.environment <> entry->>'environment' OR asked.pipeline <> entry->>'pipeline'
           OR asked.digest <> entry->'data'->>'digest' OR asked.expires_at <= entry->>'at'
           OR EXISTS (SELECT 1 FROM deployments d WHERE d.promotion = asked.id AND d.id <> entry->>'subject')
           OR (given < needed AND NOT EXISTS (
               SELECT 1 FROM overrides v
               WHERE v.promotion = asked.id AND v.state = 'granted' AND v.until > entry->>'at'))
        THEN
            RAISE EXCEPTION 'the promotion % was not approved for this', entry->'data'->>'promotion'
                USING ERRCODE = '42501';
        END IF;
    END IF;
END $$
"""
"""The second wall: what the connected role may record, and that a promotion's deployment has its approvals."""

APPEND = """
CREATE FUNCTION audit_append(expected bigint, content bytea) RETURNS TABLE (leaf text, hash text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    head record;
    entry jsonb = convert_from(content, 'UTF8')::jsonb;
BEGIN
    SELECT h.seq, h.hash INTO head FROM audit_head h FOR UPDATE;
    IF head.seq + 1 <> expected OR (entry->>'seq')::bigint <> expected THEN
        RAISE EXCEPTION 'the next entry is %, not %', head.seq + 1, expected;
    END IF;
    PERFORM audit_guard(entry);
    leaf = encode(sha256('\\x00'::bytea || content), 'hex');
    hash = encode(sha256('\\x01'::bytea || int8send(expected) || decode(head.hash, 'hex') || sha256(content)), 'hex');
    INSERT INTO audit_log (seq, payload, leaf, hash, at, actor, action, project, pipeline, environment, subject)
    VALUES (expected, content, leaf, hash, entry->>'at', entry->>'actor', entry->>'action', entry->>'project',
            entry->>'pipeline', entry->>'environment', entry->>'subject');
    UPDATE audit_head h SET seq = expected, hash = audit_append.hash;
    RETURN NEXT;
END $$
"""

FUNCTIONS = (
    LOCK,
    GUARD,
    APPEND,
    "REVOKE ALL ON FUNCTION audit_head_lock(), audit_guard(jsonb), audit_append(bigint, bytea) FROM PUBLIC",
)
