%% Plays scenarios of tables, process groups and registries on `ets`, `pg` and Elixir's `Registry`, and prints them with what was
%% observed. erlc services.erl && erl +S 1:1 -noshell -run services main IN OUT
-module(services).
-export([main/1]).

%% How long nothing may happen before a step counts as done, in ms.
-define(QUIET, 4).
-define(NAMES, ["a", "b", "c"]).

main([In, Out]) ->
    [code:add_pathsa(filelib:wildcard(D ++ "/elixir/lib/{elixir,logger}/ebin")) || D <- ["/usr/lib", "/usr/local/lib"]],
    {ok, _} = application:ensure_all_started(elixir),
    ok = logger:remove_handler(default),
    {ok, Text} = file:read_file(In),
    Lines = [binary_to_list(L) || L <- binary:split(string:trim(Text, trailing), <<"\n">>, [global])],
    {Played, Last} = lists:mapfoldl(fun line/2, none, Lines),
    stop(Last),
    ok = file:write_file(Out, [[L, "\n"] || L <- lists:append(Played)]),
    halt(0).

line("  " ++ _, D) -> {[], D};
line("", D) -> {[""], D};
line("#" ++ _ = L, D) -> {[L], D};
line("scenario " ++ _ = L, D) -> stop(D), {[L], start()};
line(L, D) ->
    {Observed, D2} = step(string:lexemes(L, " "), D),
    {[L | ["  " ++ lists:flatten(O) || O <- Observed]], D2}.

%% --- the processes -----------------------------------------------------------------------------

%% pids: who has which name now; all: what every pid was called, tables included.
start() ->
    {ok, Scope} = pg:start_link(s),
    Registries = [start_registry(R, Keys) || {R, Keys} <- [{u, unique}, {d, duplicate}]],
    lists:foldl(fun spawn_actor/2, #{keepers => [Scope | Registries], pids => #{}, names => #{}}, ?NAMES).

start_registry(R, Keys) ->
    {ok, Pid} = 'Elixir.Registry':start_link([{keys, Keys}, {name, R}]),
    Pid.

stop(none) -> ok;
stop(#{keepers := Keepers, pids := Pids}) ->
    [kill(Pid) || Pid <- maps:values(Pids)],
    [begin unlink(Pid), stop_keeper(Pid) end || Pid <- Keepers],
    flush().

flush() -> receive _ -> flush() after 0 -> ok end.

stop_keeper(Pid) ->
    Ref = monitor(process, Pid),
    exit(Pid, shutdown),
    receive {'DOWN', Ref, _, _, _} -> ok after 1000 -> exit(Pid, kill) end.

spawn_actor(Name, #{pids := Pids, names := Names} = D) ->
    Driver = self(),
    Pid = spawn(fun() -> actor(Driver, #{}) end),
    D#{pids := Pids#{Name => Pid}, names := Names#{Pid => Name}}.

kill(Pid) ->
    Ref = monitor(process, Pid),
    exit(Pid, kill),
    receive {'DOWN', Ref, _, _, _} -> ok end.

%% Keeps its monitors of groups.
actor(Driver, Monitors) ->
    receive
        {do, Fun} ->
            {Answer, Monitors2} = try Fun(Monitors) catch _:_ -> {"badarg", Monitors} end,
            Driver ! {answer, self(), Answer},
            actor(Driver, Monitors2);
        Other ->
            Driver ! {got, self(), Other},
            actor(Driver, Monitors)
    end.

step(["kill", P], #{pids := Pids} = D) ->
    kill(maps:get(P, Pids)),
    D2 = spawn_actor(P, D),
    {got(D2) ++ crashed(), D2};
step([P | Operation], #{pids := Pids} = D) ->
    Pid = maps:get(P, Pids),
    Pid ! {do, fun(Monitors) -> operation(Operation, D, Monitors) end},
    Answer = receive {answer, Pid, A} -> A end,
    {[Answer | got(D)], D}.

%% `pg` of OTP 25 ends when a process ends that monitors a group twice, or one that it is a member of.
crashed() -> case whereis(s) of undefined -> ["the scope has crashed"]; _ -> [] end.

got(D) -> got(D, []).

got(D, Seen) ->
    receive
        {got, Pid, Message} -> got(D, [{name(Pid, D), message(Message, D)} | Seen])
    after ?QUIET ->
        Sorted = lists:keysort(1, lists:reverse(Seen)),
        [[Name, " got ", Text] || {Name, Text} <- Sorted]
    end.

message({'ETS-TRANSFER', _, From, Data}, D) -> ["transfer ", name(From, D), " ", show(Data)];
message({_, join, Group, Pids}, D) -> ["join ", atom_to_list(Group), " ", names(Pids, D)];
message({_, leave, Group, Pids}, D) -> ["leave ", atom_to_list(Group), " ", names(Pids, D)].

name(Pid, #{names := Names}) -> maps:get(Pid, Names).

names(Pids, D) -> ["[", lists:join(",", lists:sort([name(P, D) || P <- Pids])), "]"].

%% --- terms -------------------------------------------------------------------------------------

value(Text) ->
    {ok, Tokens, _} = erl_scan:string(Text ++ "."),
    {ok, Term} = erl_parse:parse_term(Tokens),
    Term.

show(B) when is_binary(B) -> ["<<\"", B, "\">>"];
show(F) when is_float(F) -> io_lib:format("~.1f", [F]);
show(I) when is_integer(I) -> integer_to_list(I);
show(L) when is_list(L) -> ["[", lists:join(",", [show(I) || I <- L]), "]"];
show(A) when is_atom(A) -> atom_to_list(A).

row({K, V}) -> [show(K), "=", show(V)].

rows(Rows) -> ["[", lists:join(",", [row(R) || R <- Rows]), "]"].

values(Rows) -> show([V || {_, V} <- Rows]).

pairs([]) -> [];
pairs([K, V | Rest]) -> [{value(K), value(V)} | pairs(Rest)].

table(T) -> list_to_existing_atom("table_" ++ T).

pid(P, #{pids := Pids}) -> maps:get(P, Pids).

operation(["monitor", G], D, Monitors) ->
    {Ref, Members} = pg:monitor(s, list_to_atom(G)),
    {names(Members, D), Monitors#{G => [Ref | maps:get(G, Monitors, [])]}};
operation(["demonitor", G], _, Monitors) ->
    case Monitors of
        #{G := [Ref | Rest]} -> {show(pg:demonitor(s, Ref) =:= ok), Monitors#{G := Rest}};
        _ -> {"none", Monitors}
    end;
operation(Operation, D, Monitors) -> {do(Operation, D), Monitors}.

%% --- tables ------------------------------------------------------------------------------------

do(["new", T, Kind, Access], _) ->
    ets:new(list_to_atom("table_" ++ T), [named_table, list_to_atom(Kind), list_to_atom(Access)]),
    "ok";
do(["insert", T | Rows], _) -> show(ets:insert(table(T), pairs(Rows)));
do(["insert_new", T | Rows], _) -> show(ets:insert_new(table(T), pairs(Rows)));
do(["lookup", T, K], _) -> values(ets:lookup(table(T), value(K)));
do(["element", T, K], _) -> show(ets:lookup_element(table(T), value(K), 2));
do(["member", T, K], _) -> show(ets:member(table(T), value(K)));
do(["delete", T, K], _) -> show(ets:delete(table(T), value(K)));
do(["delete_object", T, K, V], _) -> show(ets:delete_object(table(T), {value(K), value(V)}));
do(["take", T, K], _) -> rows(ets:take(table(T), value(K)));
do(["counter", T, K, N], _) -> show(ets:update_counter(table(T), value(K), value(N)));
do(["counter_default", T, K, N, V], _) ->
    show(ets:update_counter(table(T), value(K), value(N), {value(K), value(V)}));
do(["counter_wrap", T, K, N, Limit, Set], _) ->
    show(ets:update_counter(table(T), value(K), {2, value(N), value(Limit), value(Set)}));
do(["update", T, K, V], _) -> show(ets:update_element(table(T), value(K), {2, value(V)}));
do(["first", T], _) -> key(ets:first(table(T)));
do(["last", T], _) -> key(ets:last(table(T)));
do(["next", T, K], _) -> key(ets:next(table(T), value(K)));
do(["prev", T, K], _) -> key(ets:prev(table(T), value(K)));
do(["all", T], _) ->
    Rows = ets:tab2list(table(T)),
    case ets:info(table(T), type) of
        ordered_set -> rows(Rows);
        _ -> sorted(Rows)
    end;
do(["size", T], _) -> show(ets:info(table(T), size));
do(["owner", T], D) ->
    case ets:info(table(T), owner) of
        undefined -> "undefined";
        Pid -> name(Pid, D)
    end;
do(["clear", T], _) -> show(ets:delete_all_objects(table(T)));
do(["drop", T], _) -> show(ets:delete(table(T)));
do(["give", T, P, V], D) -> show(ets:give_away(table(T), pid(P, D), value(V)));
do(["heir", T, P, V], D) -> show(ets:setopts(table(T), {heir, pid(P, D), value(V)}));
do(["access", T, Access], _) -> show(ets:setopts(table(T), {protection, list_to_atom(Access)}));
do(["count", T, N], _) -> show(ets:select_count(table(T), above(N, true)));
do(["keys", T, N], _) -> sorted_terms(ets:select(table(T), above(N, '$1')));
do(["delete_above", T, N], _) -> show(ets:select_delete(table(T), above(N, true)));
do(["raise", T, N], _) ->
    Spec = [{{'$1', '$2'}, [{'>', '$2', value(N)}, {is_integer, '$2'}], [{{'$1', {'+', '$2', 10}}}]}],
    show(ets:select_replace(table(T), Spec));

%% --- groups ------------------------------------------------------------------------------------

do(["join", G | Ps], D) -> show(pg:join(s, list_to_atom(G), [pid(P, D) || P <- Ps]));
do(["leave", G | Ps], D) -> show(pg:leave(s, list_to_atom(G), [pid(P, D) || P <- Ps]));
do(["members", G], D) -> names(pg:get_members(s, list_to_atom(G)), D);
do(["groups"], _) -> ["[", lists:join(",", lists:sort([atom_to_list(G) || G <- pg:which_groups(s)])), "]"];

%% --- registries --------------------------------------------------------------------------------

do(["register", R, K, V], D) ->
    case 'Elixir.Registry':register(list_to_atom(R), value(K), value(V)) of
        {ok, _} -> "ok";
        {error, {already_registered, Pid}} -> ["already ", name(Pid, D)]
    end;
do(["unregister", R, K], _) -> show('Elixir.Registry':unregister(list_to_atom(R), value(K)));
do(["whereis", R, K], D) ->
    case 'Elixir.Registry':whereis_name({list_to_atom(R), value(K)}) of
        undefined -> "undefined";
        Pid -> name(Pid, D)
    end;
do(["entries", R, K], D) -> entries('Elixir.Registry':lookup(list_to_atom(R), value(K)), D);
do(["keys_of", R, P], D) -> sorted_terms('Elixir.Registry':keys(list_to_atom(R), pid(P, D)));
do(["values_of", R, K, P], D) ->
    sorted_terms('Elixir.Registry':values(list_to_atom(R), value(K), pid(P, D)));
do(["update_value", R, K, N], _) ->
    case 'Elixir.Registry':update_value(list_to_atom(R), value(K), fun(_) -> value(N) end) of
        error -> "error";
        {New, Old} -> [show(New), " for ", show(Old)]
    end;
do(["registered", R], _) -> show('Elixir.Registry':count(list_to_atom(R)));
do(["match", R, K, N], D) ->
    Found = 'Elixir.Registry':match(list_to_atom(R), value(K), '$1', [{'>', '$1', value(N)}]),
    sorted_entries(Found, D);
do(["count_match", R, K, N], _) ->
    show('Elixir.Registry':count_match(list_to_atom(R), value(K), '$1', [{'>', '$1', value(N)}]));
do(["unregister_match", R, K, N], _) ->
    show('Elixir.Registry':unregister_match(list_to_atom(R), value(K), '$1', [{'>', '$1', value(N)}]));
do(["select", R, N], _) ->
    Spec = [{{'$1', '$2', '$3'}, [{'>', '$3', value(N)}], [{{'$1', '$3'}}]}],
    sorted('Elixir.Registry':select(list_to_atom(R), Spec));
do(["count_select", R, N], _) ->
    Spec = [{{'$1', '$2', '$3'}, [{'>', '$3', value(N)}], [true]}],
    show('Elixir.Registry':count_select(list_to_atom(R), Spec)).

key('$end_of_table') -> "none";
key(K) -> show(K).

above(N, Result) -> [{{'$1', '$2'}, [{'>', '$2', value(N)}], [Result]}].

entry({Pid, V}, D) -> [name(Pid, D), "=", show(V)].

entries(Found, D) -> ["[", lists:join(",", [entry(E, D) || E <- Found]), "]"].

%% Where there is no order: sorted by their text.
sorted(Rows) -> texts([lists:flatten(row(R)) || R <- Rows]).

sorted_terms(Terms) -> texts([lists:flatten(show(T)) || T <- Terms]).

sorted_entries(Found, D) -> texts([lists:flatten(entry(E, D)) || E <- Found]).

texts(Texts) -> ["[", lists:join(",", lists:sort(Texts)), "]"].
