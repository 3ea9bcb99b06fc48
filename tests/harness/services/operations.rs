//! What the processes of a scenario do.

use std::collections::HashMap;

use regrow_otp::{
    Access, Context, CounterUpdate, Cursor, ElementUpdate, Heir, Pid, Reference, RegistryError, RegistryKind,
    Row, Scan, ScanAction, TableError, TableHandle, TableId, TableInfo, TableKind, TableOptions, Via,
};
use regrow_term::{Clause, Expression, MatchSpec, Matcher, Operator, Pattern, Term, decode, encode};

use super::Names;
use super::text::{encoded, show, shown, sorted, term};

const WHOLE: Scan = Scan { rows: usize::MAX, matches: usize::MAX, result_bytes: usize::MAX };

const KINDS: [(&str, TableKind); 4] = [
    ("set", TableKind::Set),
    ("ordered_set", TableKind::OrderedSet),
    ("bag", TableKind::Bag),
    ("duplicate_bag", TableKind::DuplicateBag),
];

const ACCESSES: [(&str, Access); 3] =
    [("public", Access::Public), ("protected", Access::Protected), ("private", Access::Private)];

fn of_word<T: Copy>(words: &[(&str, T)], word: &str) -> T {
    let found = words.iter().find(|(known, _)| *known == word);
    found.unwrap_or_else(|| panic!("no such word: {word}")).1
}

fn value(encoded: &[u8]) -> Term {
    decode(encoded).unwrap_or_else(|error| panic!("{error}"))
}

fn row_text(row: &Row) -> String {
    format!("{}={}", show(&value(row.key())), show(&value(row.value())))
}

fn rows_text(rows: &[Row]) -> String {
    format!("[{}]", rows.iter().map(row_text).collect::<Vec<_>>().join(","))
}

/// Everything whose value, or what `of` makes of it, is more than a number.
fn above(number: &str, value: Pattern, more: Vec<Expression>, result: Expression) -> Matcher {
    let guard = Expression::Variable(1).greater_than(Expression::Term(term(number)));
    let guards = std::iter::once(guard).chain(more).collect();
    let clause = Clause { key: Pattern::Variable(0), value, guards, result };
    Matcher::new(&MatchSpec(vec![clause])).unwrap_or_else(|error| panic!("{error}"))
}

fn row_above(number: &str, result: Expression) -> Matcher {
    above(number, Pattern::Variable(1), Vec::new(), result)
}

/// Of a registry, where the value is a list of the pid and the value.
fn entry_above(number: &str, result: Expression) -> Matcher {
    above(number, Pattern::list([Pattern::Variable(2), Pattern::Variable(1)]), Vec::new(), result)
}

/// A process that does what scenarios say.
pub(super) struct Actor {
    context: Context,
    names: Names,
    /// Its monitors of groups, the newest last.
    monitors: HashMap<String, Vec<Reference>>,
}

type Pids = HashMap<String, Pid>;

impl Actor {
    pub(super) fn new(context: Context, names: Names) -> Self {
        Self { context, names, monitors: HashMap::new() }
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// The answer; none where Erlang raises `badarg`.
    pub(super) fn perform(&mut self, operation: &str, pids: &Pids) -> Option<String> {
        let words: Vec<&str> = operation.split(' ').collect();
        match words[0] {
            "join" | "leave" | "members" | "groups" | "monitor" | "demonitor" => {
                Some(self.group(&words, pids))
            }
            "register" | "unregister" | "whereis" | "entries" | "keys_of" | "values_of" | "update_value"
            | "registered" | "match" | "count_match" | "unregister_match" | "select" | "count_select" => {
                self.registry(&words, pids)
            }
            "new" => self.new_table(&words),
            "size" => Some(self.info(words[1]).map_or("undefined".to_owned(), |info| info.rows.to_string())),
            "owner" => {
                Some(self.info(words[1]).map_or("undefined".to_owned(), |info| self.names.of(info.owner)))
            }
            _ => {
                let table = self.table(words[1])?;
                table_operation(&table, &words, pids).ok()
            }
        }
    }

    fn new_table(&self, words: &[&str]) -> Option<String> {
        let [_, name, kind, access] = words else { panic!("{words:?}") };
        let options = TableOptions {
            name: Some((*name).to_owned()),
            kind: of_word(&KINDS, kind),
            access: of_word(&ACCESSES, access),
            ..TableOptions::default()
        };
        self.context.create_table(options).ok().map(|_| "ok".to_owned())
    }

    fn id(&self, name: &str) -> Option<TableId> {
        self.context.runtime().table_named(name)
    }

    fn table(&self, name: &str) -> Option<TableHandle<'_>> {
        self.context.table(self.id(name)?).ok()
    }

    fn info(&self, name: &str) -> Option<TableInfo> {
        self.table(name)?.info().ok()
    }

    fn group(&mut self, words: &[&str], pids: &Pids) -> String {
        let group = |name: &str| encode(name).unwrap_or_default();
        let named = |names: &[&str]| -> Vec<Pid> { names.iter().map(|name| pids[*name]).collect() };
        let context = &self.context;
        match *words {
            ["join", name, ref members @ ..] => {
                match context.join_group("s", &group(name), &named(members)) {
                    Ok(()) => "ok".to_owned(),
                    Err(error) => panic!("{error}"),
                }
            }
            ["leave", name, ref members @ ..] => {
                match context.leave_group("s", &group(name), &named(members)) {
                    Ok(true) => "ok".to_owned(),
                    Ok(false) => "not_joined".to_owned(),
                    Err(error) => panic!("{error}"),
                }
            }
            ["members", name] => {
                let members = context.runtime().group_members("s", &group(name)).unwrap_or_default();
                self.names.of_all(&members)
            }
            ["groups"] => {
                let groups = context.runtime().groups("s").unwrap_or_default();
                sorted(groups.iter().map(|name| decode(name).unwrap_or_default()).collect())
            }
            ["monitor", name] => {
                let monitored = context.monitor_group("s", &group(name));
                let (reference, members) = monitored.unwrap_or_else(|error| panic!("{error}"));
                self.monitors.entry(name.to_owned()).or_default().push(reference);
                self.names.of_all(&members)
            }
            ["demonitor", name] => match self.monitors.get_mut(name).and_then(Vec::pop) {
                Some(reference) => context.demonitor_group("s", reference) == Ok(true),
                None => return "none".to_owned(),
            }
            .to_string(),
            _ => panic!("{words:?}"),
        }
    }

    fn registry(&self, words: &[&str], pids: &Pids) -> Option<String> {
        let (context, runtime) = (&self.context, self.context.runtime());
        let entry = |pid: Pid, value: &Term| format!("{}={}", self.names.of(pid), show(value));
        let result =
            Expression::list([Expression::Variable(0), Expression::Variable(2), Expression::Variable(1)]);
        Some(match *words {
            ["register", r, k, v] => match context.register_key(r, &encoded(k), &encoded(v)) {
                Ok(()) => "ok".to_owned(),
                Err(RegistryError::AlreadyRegistered(pid)) => format!("already {}", self.names.of(pid)),
                Err(error) => panic!("{error}"),
            },
            ["unregister", r, k] => {
                context.unregister_key(r, &encoded(k)).ok()?;
                "ok".to_owned()
            }
            ["whereis", r, k] => {
                let via = Via { registry: r.to_owned(), key: encoded(k).into() };
                if runtime.registry_info(r).ok()?.0 == RegistryKind::Duplicate {
                    return None;
                }
                runtime.whereis_via(&via).map_or("undefined".to_owned(), |pid| self.names.of(pid))
            }
            ["entries", r, k] => {
                let found = runtime.lookup_key(r, &encoded(k), usize::MAX).ok()?;
                let found: Vec<String> = found.iter().map(|of| entry(of.pid, &value(&of.value))).collect();
                format!("[{}]", found.join(","))
            }
            ["keys_of", r, p] => {
                let keys = runtime.registered_keys(r, pids[p]).ok()?;
                sorted(keys.iter().map(|key| show(&value(key))).collect())
            }
            ["values_of", r, k, p] => {
                let values = runtime.registered_values(r, &encoded(k), pids[p]).ok()?;
                sorted(values.iter().map(|of| show(&value(of))).collect())
            }
            ["update_value", r, k, n] => {
                let own = runtime.registered_values(r, &encoded(k), context.pid()).ok()?;
                match context.update_registered(r, &encoded(k), &encoded(n)) {
                    Ok(()) => format!("{n} for {}", show(&value(&own[0]))),
                    Err(RegistryError::NotRegistered) => "error".to_owned(),
                    Err(_) => return None,
                }
            }
            ["registered", r] => runtime.registry_len(r).ok()?.to_string(),
            ["match" | "count_match", r, k, n] => {
                let found = self.selected(r, &entry_above(n, result))?;
                let found = found.into_iter().filter(|(key, ..)| show(key) == k);
                let found: Vec<String> = found.map(|(_, pid, value)| entry(pid, &value)).collect();
                if words[0] == "match" { sorted(found) } else { found.len().to_string() }
            }
            ["unregister_match", r, k, n] => {
                let (mut own, matcher) =
                    (context.unregister_match(r, &encoded(k)).ok()?, entry_above(n, result));
                while own.look(&matcher).is_some() {}
                own.finish(context);
                "ok".to_owned()
            }
            ["select" | "count_select", r, n] => {
                let found = self.selected(r, &entry_above(n, result))?;
                let row = |(key, _, value): &(Term, Pid, Term)| format!("{}={}", show(key), show(value));
                if words[0] == "select" {
                    sorted(found.iter().map(row).collect())
                } else {
                    found.len().to_string()
                }
            }
            _ => panic!("{words:?}"),
        })
    }

    /// Key, process and value of what matches.
    fn selected(&self, registry: &str, matcher: &Matcher) -> Option<Vec<(Term, Pid, Term)>> {
        let mut walk = self.context.runtime().walk_registry(registry, matcher).ok()?;
        let (mut found, mut result, mut matched) = (Vec::new(), Vec::new(), false);
        while walk.look(matcher, &mut result, &mut matched).is_some() {
            if matched {
                let Term::List(parts) = value(&result) else { panic!("no entry") };
                let [key, pid, value] = <[Term; 3]>::try_from(parts).unwrap_or_else(|_| panic!("no entry"));
                found.push((key, super::pid_of(&pid), value));
            }
            result.clear();
        }
        Some(found)
    }
}

fn table_operation(table: &TableHandle<'_>, words: &[&str], pids: &Pids) -> Result<String, TableError> {
    let rows = |texts: &[&str]| -> Vec<(Vec<u8>, Vec<u8>)> {
        texts.chunks(2).map(|pair| (encoded(pair[0]), encoded(pair[1]))).collect()
    };
    let is_bag = matches!(table.info()?.kind, TableKind::Bag | TableKind::DuplicateBag);
    let done = |()| "true".to_owned();
    let found = |key: Option<Vec<u8>>| key.map_or("none".to_owned(), |key| show(&value(&key)));
    let count = |n: &str, limits: Option<(i64, i64)>| CounterUpdate {
        path: Vec::new(),
        increment: n.parse().unwrap_or_default(),
        threshold: limits,
    };
    let counted = |counts: Vec<i128>| counts[0].to_string();
    Ok(match *words {
        ["insert", _, ref texts @ ..] => {
            let rows = rows(texts);
            table.insert(&rows.iter().map(|(k, v)| (&k[..], &v[..])).collect::<Vec<_>>()).map(done)?
        }
        ["insert_new", _, ref texts @ ..] => {
            let rows = rows(texts);
            table.insert_new(&rows.iter().map(|(k, v)| (&k[..], &v[..])).collect::<Vec<_>>())?.to_string()
        }
        ["lookup", _, k] => {
            let rows = table.lookup(&encoded(k))?;
            shown(&rows.iter().map(|row| value(row.value())).collect::<Vec<_>>())
        }
        ["element", _, k] => {
            let path = encode(&Term::List(Vec::new())).unwrap_or_default();
            let values: Vec<Term> =
                table.lookup_element(&encoded(k), &path)?.iter().map(|of| value(of)).collect();
            if is_bag { shown(&values) } else { show(&values[0]) }
        }
        ["member", _, k] => table.member(&encoded(k))?.to_string(),
        ["delete", _, k] => table.delete(&encoded(k)).map(done)?,
        ["delete_object", _, k, v] => table.delete_object(&encoded(k), &encoded(v)).map(done)?,
        ["take", _, k] => rows_text(&table.take(&encoded(k))?),
        ["counter", _, k, n] => counted(table.update_counter(&encoded(k), &[count(n, None)], None)?),
        ["counter_default", _, k, n, v] => {
            counted(table.update_counter(&encoded(k), &[count(n, None)], Some(&encoded(v)))?)
        }
        ["counter_wrap", _, k, n, limit, set] => {
            let limits = limit.parse().ok().zip(set.parse().ok());
            counted(table.update_counter(&encoded(k), &[count(n, limits)], None)?)
        }
        ["update", _, k, v] => {
            let update = ElementUpdate { path: Vec::new(), value: encoded(v) };
            table.update_element(&encoded(k), &[update], None)?.to_string()
        }
        ["first", _] => found(table.first()?),
        ["last", _] => found(table.last()?),
        ["next", _, k] => found(table.next(&encoded(k))?),
        ["prev", _, k] => found(table.previous(&encoded(k))?),
        ["all", _] => {
            let all =
                Clause { key: Pattern::Any, value: Pattern::Any, guards: vec![], result: Expression::Row };
            let all = Matcher::new(&MatchSpec(vec![all]))?;
            let rows = table.scan(&all, ScanAction::Select, &mut Cursor::begin(), WHOLE)?.results;
            let text = |row: &Vec<u8>| {
                let Term::List(row) = value(row) else { panic!("no row") };
                format!("{}={}", show(&row[0]), show(&row[1]))
            };
            let texts: Vec<String> = rows.iter().map(text).collect();
            let is_ordered = table.info()?.kind == TableKind::OrderedSet;
            if is_ordered { format!("[{}]", texts.join(",")) } else { sorted(texts) }
        }
        ["clear", _] => table.clear().map(done)?,
        ["drop", _] => table.delete_table().map(done)?,
        ["give", _, p, v] => table.give_away(pids[p], &encoded(v)).map(done)?,
        ["heir", _, p, v] => {
            table.set_heir(Some(Heir { pid: pids[p], data: encoded(v).into() })).map(done)?
        }
        ["access", _, access] => table.set_access(of_word(&ACCESSES, access)).map(done)?,
        ["count", _, n] => selected(table, &row_above(n, Expression::Key), ScanAction::Count)?.0.to_string(),
        ["keys", _, n] => {
            let (_, keys) = selected(table, &row_above(n, Expression::Key), ScanAction::Select)?;
            sorted(keys.iter().map(|key| show(&value(key))).collect())
        }
        ["delete_above", _, n] => {
            selected(table, &row_above(n, Expression::Key), ScanAction::Delete)?.0.to_string()
        }
        ["raise", _, n] => {
            let is_integer = Expression::Apply(Operator::IsInteger, vec![Expression::Variable(1)]);
            let raised = Expression::Variable(1).plus(Expression::Term(Term::from(10_i64)));
            let matcher = above(n, Pattern::Variable(1), vec![is_integer], raised);
            selected(table, &matcher, ScanAction::Replace)?.0.to_string()
        }
        _ => panic!("{words:?}"),
    })
}

/// How many rows matched, and what came of them.
fn selected(
    table: &TableHandle<'_>,
    matcher: &Matcher,
    action: ScanAction,
) -> Result<(usize, Vec<Vec<u8>>), TableError> {
    let mut cursor = Cursor::begin();
    let (mut matches, mut results) = (0, Vec::new());
    while !cursor.is_at_end() {
        let scanned = table.scan(matcher, action, &mut cursor, WHOLE)?;
        matches += scanned.matches;
        results.extend(scanned.results);
    }
    Ok((matches, results))
}
