%% Plays supervision scenarios on OTP's own `supervisor` and prints them with what was observed.
%% erlc supervision.erl && erl +S 1:1 -noshell -run supervision main IN OUT
-module(supervision).
-behaviour(supervisor).
-export([main/1, init/1, log/2, start_worker/3, worker/4, start_nested/3]).

%% Scenarios that are played at a time.
-define(PARALLEL, 50).
%% How long nothing may happen before a step counts as done, in ms.
-define(QUIET, 10).
%% How long the start of a worker that hangs is waited for, in ms.
-define(HANG, 30).
%% How long a scenario may take, in ms: what never comes to rest is no scenario.
-define(GIVE_UP, 120000).
%% Holds {{sup, Driver, S}, Flags, Specs}, {{starts, Driver, Id}, N} and {RegisteredName, Driver, S, Pid}.
-define(TABLE, ?MODULE).

main([In, Out]) ->
    ?TABLE = ets:new(?TABLE, [named_table, public]),
    ok = logger:remove_handler(default),
    ok = logger:add_handler(?MODULE, ?MODULE, #{}),
    %% A crash report asks the neighbours of the dying process about themselves: this would reorder things.
    ok = logger:set_module_level([proc_lib, gen_server], none),
    {ok, Text} = file:read_file(In),
    Lines = [binary_to_list(L) || L <- binary:split(string:trim(Text, trailing), <<"\n">>, [global])],
    Blocks = blocks(Lines, [], []),
    Numbered = lists:zip(lists:seq(1, length(Blocks)), Blocks),
    Played = play_all(Numbered, #{}, []),
    ok = file:write_file(Out, [block_text(Block) || {_, Block} <- lists:sort(Played)]),
    halt(0).

%% --- the text ----------------------------------------------------------------------------------

%% A block is its comments and its name, then the steps with their observations.
blocks([], [], Done) -> lists:reverse(Done);
blocks([], Current, Done) -> lists:reverse([lists:reverse(Current) | Done]);
blocks(["scenario " ++ _ = L | Ls], Current, Done) ->
    {Comments, Steps} = lists:splitwith(fun(C) -> C =:= "" orelse hd(C) =:= $# end, Current),
    Finished = case Steps of [] -> Done; _ -> [lists:reverse(Steps) | Done] end,
    blocks(Ls, [L | Comments], Finished);
blocks([L | Ls], Current, Done) -> blocks(Ls, [L | Current], Done).

block_text(Lines) -> [[L, "\n"] || L <- Lines].

play_all([], Running, Done) when map_size(Running) =:= 0 -> Done;
play_all([{N, Block} | Rest], Running, Done) when map_size(Running) < ?PARALLEL ->
    Self = self(),
    {Pid, Ref} = spawn_monitor(fun() -> Self ! {played, self(), play(N, Block)} end),
    play_all(Rest, Running#{Pid => {N, Ref}}, Done);
play_all(Todo, Running, Done) ->
    receive
        {played, Pid, Block} ->
            #{Pid := {N, Ref}} = Running,
            erlang:demonitor(Ref, [flush]),
            play_all(Todo, maps:remove(Pid, Running), [{N, Block} | Done]);
        {'DOWN', _, process, Pid, Reason} ->
            io:format(standard_error, "scenario ~p: ~p~n", [maps:get(Pid, Running), Reason]),
            halt(1)
    end.

%% What is written in a step: a term, or a list of behaviours like `run,error:oops`.
value(Text) ->
    {ok, Tokens, _} = erl_scan:string(Text ++ "."),
    {ok, Term} = erl_parse:parse_term(Tokens),
    Term.

script(Text) ->
    {ok, Tokens, _} = erl_scan:string(Text ++ "."),
    {ok, Exprs} = erl_parse:parse_exprs(Tokens),
    [behaviour(E) || E <- Exprs].

behaviour({remote, _, {atom, _, Kind}, Reason}) -> {Kind, erl_parse:normalise(Reason)};
behaviour({atom, _, Kind}) -> {Kind, none}.

%% --- the driver --------------------------------------------------------------------------------

%% procs: who every process was, as {Id, Parent, Type}. ids: the last process of every ID. live: those that were
%% monitored and have not ended. up: those whose start has succeeded. seen: what this step has shown, backwards.
play(N, Block) ->
    erlang:send_after(?GIVE_UP, self(), give_up),
    Owner = spawn(fun() -> process_flag(trap_exit, true), owner() end),
    D0 = #{prefix => "s" ++ integer_to_list(N) ++ "_", owner => Owner, unordered => false,
           procs => #{}, ids => #{}, live => #{}, up => #{}, seen => [], done => none},
    {Lines, #{live := Live}} = lists:mapfoldl(fun line/2, D0, Block),
    [exit(Pid, kill) || Pid <- [Owner | lists:sort(maps:keys(Live))]],
    lists:append(Lines).

%% The parent of the roots.
owner() ->
    receive
        {Caller, Fun} -> Caller ! {self(), Fun()}, owner();
        {'EXIT', _, _} -> owner()
    end.

line("  " ++ _, D) -> {[], D};
line("", D) -> {[""], D};
line("#" ++ _ = L, D) -> {[L], D};
line("scenario " ++ _ = L, D) -> {[L], D};
line(L, D) ->
    {Observed, D2} = step(string:lexemes(L, " "), D),
    {[L | ["  " ++ O || O <- Observed]], D2}.

step(["sup", S, Strategy, Intensity, Period, Auto], #{unordered := Unordered} = D) ->
    Flags = #{strategy => value(Strategy), intensity => value(Intensity), period => value(Period),
              auto_shutdown => value(Auto)},
    ets:insert(?TABLE, {{sup, self(), list_to_atom(S)}, Flags, []}),
    {[], D#{unordered := Unordered orelse Strategy =:= "simple_one_for_one"}};
step(["child", S | Child], D) ->
    [{Key, #{strategy := Strategy} = Flags, Specs}] = ets:lookup(?TABLE, {sup, self(), list_to_atom(S)}),
    ets:insert(?TABLE, {Key, Flags, Specs ++ [spec(Child, Strategy, D)]}),
    {[], D};
step([Word | _] = Step, D) ->
    {Result, D1} = perform(Step, D#{seen := []}),
    #{seen := Seen, unordered := Unordered} = D2 = settle(D1),
    Shown = lists:append([shown(E, D2) || E <- lists:reverse(Seen)]),
    {ordered(Shown, Unordered orelse Word =:= "kill_sup") ++ Result, D2}.

ordered(Shown, false) -> Shown;
ordered(Shown, true) ->
    {Ends, Others} = lists:partition(fun(Text) -> lists:prefix("end ", Text) end, Shown),
    lists:sort(Ends) ++ Others.

spec([Id, Type, Restart, Shutdown, Sig, Script], Strategy, #{prefix := Prefix}) ->
    Name = list_to_atom(Id),
    Start = case {Strategy, Script} of
                {simple_one_for_one, _} -> {?MODULE, start_worker, [self()]};
                {_, "-"} -> {?MODULE, start_nested, [self(), Name, Prefix]};
                _ -> {?MODULE, start_worker, [self(), Name, script(Script)]}
            end,
    #{id => Name, start => Start, restart => value(Restart), shutdown => value(Shutdown), type => value(Type),
      significant => Sig =:= "significant"}.

%% Does a step. The result is the line to print last, if any.
perform(["start", S], #{prefix := Prefix, owner := Owner} = D) ->
    {Driver, Name} = {self(), list_to_atom(Prefix ++ S)},
    Start = fun() -> start_sup(Driver, list_to_atom(S), Name) end,
    {Result, D1} = run(fun() -> ask(Owner, Start) end, D),
    {[answer("start", Result, D1)], D1};
perform(["stop", S, R], #{owner := Owner} = D) ->
    case find(S, D) of
        {Pid, Owner, supervisor} ->
            {true, D1} = run(fun() -> ask(Owner, fun() -> exit(Pid, value(R)) end) end, D),
            {[], D1};
        _ -> unavailable(S, D)
    end;
perform(["tell", Id, R], D) ->
    case find(Id, D) of
        {Pid, _, worker} -> Pid ! {tell, value(R)}, {[], D};
        _ -> unavailable(Id, D)
    end;
perform([Kill, Id], D) when Kill =:= "kill"; Kill =:= "kill_sup" ->
    case find(Id, D) of
        {Pid, _, _} -> exit(Pid, kill), {[], D};
        none -> unavailable(Id, D)
    end;
perform(["together" | Pairs], #{live := Live} = D) ->
    Deaths = [string:split(Pair, ":") || Pair <- Pairs],
    Parents = [Parent || [Id, _] <- Deaths, {_, Parent, worker} <- [find(Id, D)], is_map_key(Parent, Live)],
    Sups = lists:sublist(Parents, 1),
    [erlang:suspend_process(Sup) || Sup <- Sups],
    D1 = lists:foldl(fun die/2, D, Deaths),
    [erlang:resume_process(Sup) || Sup <- Sups],
    {[], D1};
perform(["advance", Ms], D) ->
    Ref = make_ref(),
    erlang:send_after(list_to_integer(Ms), self(), {done, Ref, ok}),
    {ok, D1} = result(Ref, D),
    {[], D1};
perform([_, _, "@" ++ Name] = Step, #{ids := Ids} = D) ->
    case is_map_key(list_to_atom(Name), Ids) of
        true -> manage(Step, D);
        false -> unavailable(Name, D)
    end;
perform(Step, D) -> manage(Step, D).

die([Id, R], D) ->
    case perform(["tell", Id, R], D) of
        {[], D} ->
            {Pid, _, _} = find(Id, D),
            until(fun(#{live := Live}) -> not is_map_key(Pid, Live) end, D);
        {[], Unavailable} -> Unavailable
    end.

unavailable(Id, D) -> {[], note({unavailable, Id}, D)}.

%% The process of an ID, its parent and its type, if it is alive.
find(Id, #{ids := Ids, procs := Procs, live := Live}) ->
    Pid = maps:get(list_to_atom(Id), Ids, none),
    case is_map_key(Pid, Live) of
        true -> setelement(1, maps:get(Pid, Procs), Pid);
        false -> none
    end.

%% The functions of `supervisor`.
manage([Op, S | Args], #{ids := Ids} = D) ->
    Sup = maps:get(list_to_atom(S), Ids, nobody),
    {Function, Arguments} = request(Op, Args, D),
    Call = fun() ->
               try apply(supervisor, Function, [Sup | Arguments])
               catch exit:{Reason, {gen_server, call, _}} -> {exit, Reason}
               end
           end,
    {Answer, D1} = run(Call, D),
    {[answer(Op, Answer, D1)], D1}.

request("start_child", Child, D) -> {start_child, [spec(Child, none, D)]};
request("start_instance", [Name, Script], _) -> {start_child, [[list_to_atom(Name), script(Script)]]};
request("terminate", [Id], D) -> {terminate_child, [target(Id, D)]};
request("restart", [Id], D) -> {restart_child, [target(Id, D)]};
request("delete", [Id], D) -> {delete_child, [target(Id, D)]};
request("spec", [Id], D) -> {get_childspec, [target(Id, D)]};
request("which", [], _) -> {which_children, []};
request("count", [], _) -> {count_children, []}.

target("@" ++ Name, #{ids := Ids}) -> maps:get(list_to_atom(Name), Ids);
target(Id, _) -> list_to_atom(Id).

%% Has another process do something that may take its time.
run(Fun, D) ->
    {Driver, Ref} = {self(), make_ref()},
    spawn(fun() -> Driver ! {done, Ref, Fun()} end),
    result(Ref, D).

ask(Owner, Fun) ->
    Owner ! {self(), Fun},
    receive {Owner, Answer} -> Answer end.

result(Ref, D) ->
    #{done := {Ref, Result}} = D1 = until(fun(#{done := Done}) -> is_tuple(Done) end, D),
    {Result, D1#{done := none}}.

until(Done, D) ->
    case Done(D) of
        true -> D;
        false -> receive M -> until(Done, event(M, D)) end
    end.

%% Waits until all supervisors are idle and nothing has happened for a while.
settle(#{procs := Procs, live := Live} = D) ->
    Sups = [Pid || Pid <- maps:keys(Live), element(3, maps:get(Pid, Procs)) =:= supervisor],
    {_, D1} = run(fun() -> [catch supervisor:count_children(Sup) || Sup <- Sups] end, D),
    case listen(D1) of
        D -> D;
        Changed -> settle(Changed)
    end.

listen(D) -> receive M -> listen(event(M, D)) after ?QUIET -> D end.

event({born, Pid, Id, Parent, Type}, #{procs := Procs, ids := Ids, live := Live} = D) ->
    erlang:monitor(process, Pid),
    Pid ! {known, self()},
    D#{procs := Procs#{Pid => {Id, Parent, Type}}, ids := Ids#{Id => Pid}, live := Live#{Pid => true}};
event({up, Pid}, #{up := Up} = D) -> D#{up := Up#{Pid => true}};
event({'DOWN', _, process, Pid, Reason}, #{live := Live} = D) ->
    note({'end', Pid, Reason}, D#{live := maps:remove(Pid, Live)});
event({done, Ref, Result}, D) -> D#{done := {Ref, Result}};
event(give_up, _) -> exit(never_comes_to_rest);
event(Seen, D) -> note(Seen, D).

note(Seen, #{seen := Before} = D) -> D#{seen := [Seen | Before]}.

%% --- what is printed ---------------------------------------------------------------------------

shown({start, Id, N}, _) -> ["start " ++ atom_to_list(Id) ++ " " ++ integer_to_list(N)];
shown({'end', Pid, Reason}, #{up := Up} = D) ->
    ["end " ++ text(Pid, D) ++ " " ++ text(Reason, D) || is_map_key(Pid, Up)];
shown({report, S, Context, Id, Reason}, D) ->
    [lists:flatten(io_lib:format("report ~s ~s ~s ~s", [S, Context, Id, text(Reason, D)]))];
shown({unavailable, Id}, _) -> [Id ++ " unavailable"].

answer("start", {ok, _}, _) -> "started";
answer("start", ignore, _) -> "ignored";
answer("start", {error, Reason}, D) -> "failed " ++ text(Reason, D);
answer(_, {exit, Reason}, D) -> "error " ++ text(Reason, D);
answer("which", Children, D) ->
    case [child(Child, D) || Child <- Children] of
        [] -> "children none";
        [_ | _] = Shown when element(1, hd(Children)) =:= undefined -> join(["children" | lists:sort(Shown)]);
        Shown -> join(["children" | Shown])
    end;
answer("count", Counts, _) ->
    join(["counts" | [integer_to_list(proplists:get_value(K, Counts)) || K <- [specs, active, supervisors, workers]]]);
answer("spec", {ok, #{restart := Restart, shutdown := Shutdown, type := Type, significant := Sig}}, D) ->
    Significance = case Sig of true -> "significant"; false -> "plain" end,
    join(["spec", text(Restart, D), text(Shutdown, D), text(Type, D), Significance]);
answer(_, ok, _) -> "ok";
answer(_, {ok, Pid}, D) -> "ok " ++ text(Pid, D);
answer("start_child", {error, {Reason, Child}}, D) when element(1, Child) =:= child ->
    "error start_failed " ++ text(Reason, D);
answer(Op, {error, Error}, D) ->
    case own_error(Op, Error) of
        true -> "error " ++ text(Error, D);
        false -> "error start_failed " ++ text(Error, D)
    end.

%% Whether an error is one of the supervisor itself, and not what a start function failed with.
own_error("start_instance", Error) -> is_tuple(Error) andalso element(1, Error) =:= invalid_child_spec;
own_error("restart", Error) -> lists:member(Error, [running, restarting, not_found, simple_one_for_one]);
own_error(_, _) -> true.

child({undefined, Pid, _, _}, D) when is_pid(Pid) -> text(Pid, D) ++ ":" ++ state(Pid);
child({undefined, State, _, _}, _) -> "?:" ++ state(State);
child({Id, State, _, _}, _) -> atom_to_list(Id) ++ ":" ++ state(State).

state(Pid) when is_pid(Pid) -> case is_process_alive(Pid) of true -> "alive"; false -> "dead" end;
state(State) -> atom_to_list(State).

join(Words) -> string:join(Words, " ").

text(Term, D) -> lists:flatten(io_lib:format("~0p", [named(Term, D)])).

%% A term with IDs for its pids.
named(Pid, #{procs := Procs}) when is_pid(Pid) -> element(1, maps:get(Pid, Procs, {'?'}));
named(Tuple, D) when is_tuple(Tuple) -> list_to_tuple(named(tuple_to_list(Tuple), D));
named([Head | Tail], D) -> [named(Head, D) | named(Tail, D)];
named(Term, _) -> Term.

%% --- the supervisors ---------------------------------------------------------------------------

%% Every start of a nested supervisor has a name of its own: an earlier one may still be about to die.
start_nested(Driver, S, Prefix) ->
    N = starting(Driver, S),
    start_sup(Driver, S, list_to_atom(Prefix ++ atom_to_list(S) ++ "/" ++ integer_to_list(N))).

start_sup(Driver, S, Name) ->
    case supervisor:start_link({local, Name}, ?MODULE, {Driver, S, Name, self()}) of
        {ok, Pid} ->
            Driver ! {up, Pid},
            {ok, Pid};
        {error, {already_started, _}} = Error -> Error;
        {error, _} = Error ->
            [{Name, _, _, Pid}] = ets:lookup(?TABLE, Name),
            gone(Pid, Error)
    end.

init({Driver, S, Name, Parent}) ->
    ets:insert(?TABLE, {Name, Driver, S, self()}),
    meet(Driver, S, Parent, supervisor),
    [{_, Flags, Specs}] = ets:lookup(?TABLE, {sup, Driver, S}),
    {ok, {Flags, Specs}}.

%% The logger handler, which runs in the process of the supervisor that reports.
log(#{msg := {report, #{label := {supervisor, Context}, report := [{supervisor, {local, Name}} | Report]}}}, _) ->
    case ets:lookup(?TABLE, Name) of
        [{_, Driver, S, _}] when Context =/= progress ->
            #{reason := Reason, offender := Offender} = maps:from_list(Report),
            Driver ! {report, S, Context, proplists:get_value(id, Offender), Reason};
        _ -> ok
    end;
log(_, _) -> ok.

%% Counts and announces a start.
starting(Driver, Id) ->
    N = ets:update_counter(?TABLE, {starts, Driver, Id}, 1, {{starts, Driver, Id}, 0}),
    Driver ! {start, Id, N},
    N.

%% Makes the driver watch this process, so that its end can't be missed.
meet(Driver, Id, Parent, Type) ->
    Driver ! {born, self(), Id, Parent, Type},
    receive {known, Driver} -> ok end.

%% Returns when a process that failed to start has ended, and leaves no 'EXIT' of it (as OTP 26 does).
gone(Pid, Result) -> receive {'EXIT', Pid, _} -> Result end.

%% --- the workers -------------------------------------------------------------------------------

start_worker(Driver, Id, Script) ->
    N = starting(Driver, Id),
    {Kind, _} = Behaviour = lists:nth(min(N, length(Script)), Script),
    Timeout = case Kind of hang -> ?HANG; _ -> infinity end,
    case proc_lib:start_link(?MODULE, worker, [Driver, Id, self(), Behaviour], Timeout) of
        {gone, Pid, Result} -> gone(Pid, Result);
        Result -> Result
    end.

worker(_, _, _, {crash, Reason}) -> exit(Reason);
worker(_, _, _, {hang, _}) -> receive after infinity -> ok end;
worker(_, _, Parent, {ignore, _}) -> proc_lib:init_ack(Parent, {gone, self(), ignore});
worker(_, _, Parent, {error, Reason}) ->
    proc_lib:init_ack(Parent, {gone, self(), {error, Reason}}),
    exit(Reason);
worker(Driver, Id, Parent, {Kind, Reason}) ->
    meet(Driver, Id, Parent, worker),
    process_flag(trap_exit, lists:member(Kind, [trap, stop, stubborn])),
    [unlink(Parent) || Kind =:= unlink],
    Driver ! {up, self()},
    proc_lib:init_ack(Parent, {ok, self()}),
    [exit(Reason) || Kind =:= exit],
    work(Kind, Parent, Reason).

work(Kind, Parent, Reason) ->
    receive
        {tell, Told} -> exit(Told);
        {'EXIT', Parent, Why} when Kind =:= trap -> exit(Why);
        {'EXIT', Parent, _} when Kind =:= stop -> exit(Reason);
        _ -> work(Kind, Parent, Reason)
    end.
