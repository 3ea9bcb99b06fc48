%% Plays scenarios on a real BEAM and prints them with what was observed.
%% erlc conformance.erl && erl -noshell -run conformance main IN OUT
-module(conformance).
-export([main/1]).

%% Scenarios that are played at a time.
-define(PARALLEL, 48).
%% How long nothing may happen before a step counts as done, in ms.
-define(QUIET, 4).

main([In, Out]) ->
    {ok, Text} = file:read_file(In),
    Lines = [binary_to_list(L) || L <- binary:split(string:trim(Text, trailing), <<"\n">>, [global])],
    Blocks = blocks(Lines, [], []),
    Numbered = lists:zip(lists:seq(1, length(Blocks)), Blocks),
    Played = play_all(Numbered, #{}, []),
    ok = file:write_file(Out, [block_text(Block) || {_, Block} <- lists:sort(Played)]),
    halt(0).

%% --- the text ----------------------------------------------------------------------------------

%% A block is {Head, Steps}: comments and the name, then the steps with their observations.
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

%% --- the driver --------------------------------------------------------------------------------

play(N, Block) ->
    Prefix = "s" ++ integer_to_list(N) ++ "_",
    Root = spawn_player(self()),
    D0 = #{prefix => Prefix, pids => #{}, names => #{}, aliases => #{}, refs => #{}, busy => #{}, alive => #{}},
    D1 = bind("r", Root, D0),
    {Lines, D2} = lists:mapfoldl(fun line/2, D1, Block),
    maps:foreach(fun(_, Pid) -> exit(Pid, kill) end, maps:get(pids, D2)),
    lists:append(Lines).

line("  " ++ _, D) -> {[], D};
line("", D) -> {[""], D};
line("#" ++ _ = L, D) -> {[L], D};
line("scenario " ++ _ = L, D) -> {[L], D};
line(L, D) ->
    {Observed, D2} = step(string:lexemes(L, " "), D),
    {[L | ["  " ++ O || O <- lists:sort(Observed)]], D2}.

step(["advance", Ms], D) ->
    timer:sleep(list_to_integer(Ms)),
    settle(D);
step([Actor | Op], D) ->
    case maps:is_key(Actor, maps:get(alive, D)) andalso not maps:is_key(Actor, maps:get(busy, D)) of
        false -> {[Actor ++ " unavailable"], D};
        true ->
            Pid = maps:get(Actor, maps:get(pids, D)),
            Pid ! {'$cmd', Op, maps:with([pids, aliases, prefix], D)},
            D1 = D#{doing => {Actor, Op}, commanded => Pid, busy => maps:put(Actor, true, maps:get(busy, D))},
            settle(D1)
    end.

%% Waits until nothing has happened for a while.
settle(D) -> settle(D, []).

settle(D, Raw) ->
    receive
        {started, Pid} -> settle(D#{begun => Pid}, Raw);
        {report, _, _} = M -> settle(D, [M | Raw]);
        {'DOWN', _, process, _, _} = M -> settle(D, [M | Raw])
    after ?QUIET ->
        Pids = [maps:get(Name, maps:get(pids, D)) || Name <- maps:keys(maps:get(alive, D))],
        Alive = [is_process_alive(Pid) || Pid <- Pids],
        Waiting = [process_info(Pid, status) =:= {status, waiting} || {Pid, true} <- lists:zip(Pids, Alive)],
        {message_queue_len, Queued} = process_info(self(), message_queue_len),
        case Queued =:= 0 andalso has_begun(D, Raw) andalso lists:all(fun(W) -> W end, Waiting) of
            true -> observe(lists:reverse(Raw), D);
            false -> settle(D, Raw)
        end
    end.

%% Whether the process of this step has done it, or at least begun to, if it may have to wait.
has_begun(#{doing := {_, _}, commanded := Pid} = D, Raw) ->
    {_, [Word | _]} = maps:get(doing, D),
    Done = [M || M <- Raw, element(2, M) =:= Pid orelse element(1, M) =:= 'DOWN' andalso element(4, M) =:= Pid],
    case Done of
        [_ | _] -> true;
        [] -> lists:member(Word, ["wait", "wait_after", "call"]) andalso maps:get(begun, D, none) =:= Pid
    end;
has_begun(_, _) -> true.

observe(Raw, D0) ->
    D = maps:without([begun, commanded], D0),
    %% What was spawned is known before it is spoken of.
    D1 = lists:foldl(fun bind_report/2, D, Raw),
    lists:foldl(fun observe_one/2, {[], D1}, Raw).

bind_report({report, _, {spawned, Child}}, D) ->
    {_, [_, Name | _]} = maps:get(doing, D),
    bind(Name, Child, D);
bind_report({report, _, {alias, Ref}}, #{aliases := As} = D) ->
    {_, Op} = maps:get(doing, D),
    Label = case Op of ["monitor", _, L | _] -> L; [_, L | _] -> L end,
    D#{aliases := As#{Label => Ref}};
bind_report(_, D) -> D.

bind(Name, Pid, #{pids := Pids, names := Names, refs := Refs, alive := Alive} = D) ->
    case maps:get(doing, D, none) of
        {_, ["spawn_exit" | _]} -> D#{pids := Pids#{Name => Pid}, names := Names#{Pid => Name}};
        _ ->
            Ref = erlang:monitor(process, Pid),
            D#{pids := Pids#{Name => Pid}, names := Names#{Pid => Name}, refs := Refs#{Ref => Name},
               alive := Alive#{Name => true}}
    end.

observe_one({'DOWN', Ref, process, _, Reason}, {Lines, #{refs := Refs, alive := Alive} = D}) ->
    Name = maps:get(Ref, Refs),
    {[Name ++ " ended " ++ reason(Reason) | Lines], D#{alive := maps:remove(Name, Alive)}};
observe_one({report, Pid, Report}, {Lines, #{names := Names, busy := Busy} = D}) ->
    Name = maps:get(Pid, Names),
    D1 = D#{busy := maps:remove(Name, Busy)},
    case show(Report, D) of
        none -> {Lines, D1};
        Text -> {[Name ++ " " ++ Text | Lines], D1}
    end.

show({spawned, _}, _) -> none;
show({alias, _}, _) -> none;
show({plain, none}, _) -> none;
show({plain, Text}, _) -> Text;
show({process, undefined}, _) -> "undefined";
show({process, Pid}, D) -> name(Pid, D);
show({objects, Objects}, D) ->
    case lists:sort([object(O, D) || O <- Objects, O =/= self()]) of
        [] -> "none";
        Shown -> string:join(Shown, " ")
    end;
show({msg, Text}, _) -> "msg " ++ Text;
show({exit, From, Reason}, D) -> "EXIT " ++ name(From, D) ++ " " ++ reason(Reason);
show({down, Word, Label, Object, Reason}, D) ->
    string:join([Word, Label, object(Object, D), reason(Reason)], " ");
show({timer, Label, Text}, _) -> "timer " ++ Label ++ " " ++ Text;
show({call, Text}, _) -> "call " ++ Text;
show({result, Word, Reason}, _) -> Word ++ " " ++ reason(Reason).

name(Pid, D) -> maps:get(Pid, maps:get(names, D), "?").

object({Name, _Node}, D) -> object(Name, D);
object(Name, D) when is_atom(Name) ->
    "@" ++ lists:nthtail(length(maps:get(prefix, D)), atom_to_list(Name));
object(Pid, D) -> name(Pid, D).

reason(Reason) when is_atom(Reason) -> atom_to_list(Reason);
reason(Reason) -> lists:flatten(io_lib:format("~0p", [Reason])).

%% --- the processes -----------------------------------------------------------------------------

spawn_player(Driver) -> spawn(fun() -> player(Driver) end).

player(Driver) -> player(Driver, #{driver => Driver, labels => #{}, own => #{}, call => none}).

player(Driver, S) ->
    receive
        {'$cmd', Op, Env} ->
            Driver ! {started, self()},
            case perform(Op, maps:merge(S, Env)) of
                {Report, S2} ->
                    Driver ! {report, self(), Report},
                    player(Driver, S2);
                stop -> ok
            end
    end.

pid(Name, #{pids := Pids}) -> maps:get(Name, Pids).

regname("@" ++ Name, S) -> regname(Name, S);
regname(Name, #{prefix := Prefix}) -> list_to_atom(Prefix ++ Name).

target("@" ++ _ = Name, S) -> regname(Name, S);
target(Name, S) -> pid(Name, S).

%% Remembers a reference under a label, both ways.
know(Label, Ref, #{labels := Labels, own := Own} = S) ->
    S#{labels := Labels#{Ref => Label}, own := Own#{Label => Ref}}.

ref(Label, #{own := Own}) -> maps:get(Label, Own).

plain(Text, S) -> {{plain, Text}, S}.

atom(Value, S) -> plain(atom_to_list(Value), S).

perform(["spawn", _], S) -> {{spawned, spawn_player(maps:get(driver, S))}, S};
perform(["spawn_link", _], #{driver := D} = S) -> {{spawned, spawn_link(fun() -> player(D) end)}, S};
perform(["spawn_monitor", _, M], #{driver := D} = S) ->
    {Pid, Ref} = spawn_monitor(fun() -> player(D) end),
    {{spawned, Pid}, know(M, Ref, S)};
perform(["spawn_exit", _, M, R], S) ->
    {Pid, Ref} = spawn_opt(fun() -> exit(list_to_atom(R)) end, [link, monitor]),
    {{spawned, Pid}, know(M, Ref, S)};
perform(["trap_exit", V], S) -> atom(process_flag(trap_exit, list_to_atom(V)), S);
perform(["link", P], S) ->
    try link(pid(P, S)) of Result -> atom(Result, S) catch error:noproc -> plain("noproc", S) end;
perform(["unlink", P], S) -> atom(unlink(pid(P, S)), S);
perform(["monitor", T, M], S) -> {{plain, none}, know(M, erlang:monitor(process, target(T, S)), S)};
perform(["monitor", T, M, "tagged"], S) ->
    {{plain, none}, know(M, erlang:monitor(process, target(T, S), [{tag, {tag, M}}]), S)};
perform(["monitor", T, M, Mode], S) ->
    Ref = erlang:monitor(process, target(T, S), [{alias, list_to_atom(Mode)}]),
    {{alias, Ref}, know(M, Ref, S)};
perform(["demonitor", M], S) -> atom(erlang:demonitor(ref(M, S), [info]), S);
perform(["demonitor_flush", M], S) -> atom(erlang:demonitor(ref(M, S), [flush, info]), S);
perform(["exit", R], _) -> exit(list_to_atom(R));
perform(["return"], _) -> stop;
perform(["exit2", P, R], S) -> atom(exit(pid(P, S), list_to_atom(R)), S);
perform(["send", T, Text], S) ->
    try target(T, S) ! {msg, Text} of _ -> plain("ok", S) catch error:badarg -> plain("badarg", S) end;
perform(["receive", P], S) -> receive_one(P, 0, S);
perform(["wait", P], S) -> receive_one(P, infinity, S);
perform(["wait_after", Ms, P], S) -> receive_one(P, list_to_integer(Ms), S);
perform(["register", N, P], S) ->
    try register(regname(N, S), pid(P, S)) of R -> atom(R, S) catch error:badarg -> plain("badarg", S) end;
perform(["unregister", N], S) ->
    try unregister(regname(N, S)) of R -> atom(R, S) catch error:badarg -> plain("badarg", S) end;
perform(["whereis", N], S) -> {{process, whereis(regname(N, S))}, S};
perform(["start_timer", X, Ms, T, Text], S) ->
    {{plain, none}, know(X, erlang:start_timer(list_to_integer(Ms), target(T, S), {text, Text}), S)};
perform(["send_after", X, Ms, T, Text], S) ->
    {{plain, none}, know(X, erlang:send_after(list_to_integer(Ms), target(T, S), {msg, Text}), S)};
perform(["cancel", X], S) -> left(erlang:cancel_timer(ref(X, S)), S);
perform(["read", X], S) -> left(erlang:read_timer(ref(X, S)), S);
perform(["alias", L], S) -> made_alias(L, erlang:alias(), S);
perform(["alias_reply", L], S) -> made_alias(L, erlang:alias([reply]), S);
perform(["unalias", L], S) -> atom(erlang:unalias(ref(L, S)), S);
perform(["send_alias", L, Text], S) ->
    maps:get(L, maps:get(aliases, S)) ! {msg, Text},
    plain("ok", S);
perform(["is_alive", P], S) -> atom(is_process_alive(pid(P, S)), S);
perform(["info", P, Item], S) -> info(process_info(pid(P, S), list_to_atom(Item)), S);
perform(["call", T, Text], S) -> call(T, Text, infinity, S);
perform(["call", T, Text, Ms], S) -> call(T, Text, list_to_integer(Ms), S);
perform(["reply", Text], #{call := From} = S) ->
    case From of none -> ok; _ -> gen:reply(From, Text) end,
    plain("ok", S#{call := none}).

made_alias(Label, Ref, S) -> {{alias, Ref}, know(Label, Ref, S)}.

left(false, S) -> plain("false", S);
left(_, S) -> plain("left", S).

info(undefined, S) -> plain("undefined", S);
info({message_queue_len, N}, S) -> plain(integer_to_list(N), S);
info({trap_exit, V}, S) -> atom(V, S);
info({registered_name, N}, S) -> {{objects, [N]}, S};
info([], S) -> {{objects, []}, S};
info({links, Ps}, S) -> {{objects, Ps}, S};
info({monitored_by, Ps}, S) -> {{objects, Ps}, S};
info({monitors, Ms}, S) -> {{objects, [O || {process, O} <- Ms]}, S}.

call(T, Text, Timeout, S) ->
    try gen:call(target(T, S), '$gen_call', Text, Timeout) of
        {ok, Reply} -> plain("reply " ++ Reply, S)
    catch
        exit:timeout -> plain("timeout", S);
        exit:calling_self -> plain("calling_self", S);
        exit:Reason -> {{result, "down", Reason}, S}
    end.

receive_one(Pattern, Timeout, S) ->
    case take(string:split(Pattern, "="), Timeout, S) of
        timeout -> plain("timeout", S);
        {'$gen_call', From, Text} -> {{call, Text}, S#{call := From}};
        {msg, _} = M -> {M, S};
        {'EXIT', From, Reason} -> {{exit, From, Reason}, S};
        {'DOWN', Ref, process, Object, Reason} -> {{down, "DOWN", label(Ref, S), Object, Reason}, S};
        {{tag, L}, Ref, process, Object, Reason} -> {{down, "tag:" ++ L, label(Ref, S), Object, Reason}, S};
        {timeout, Ref, {text, Text}} -> {{timer, label(Ref, S), Text}, S}
    end.

label(Ref, #{labels := Labels}) -> maps:get(Ref, Labels, "_").

take(["any"], T, _) -> receive M when element(1, M) =/= '$cmd' -> M after T -> timeout end;
take(["msg"], T, _) -> receive {msg, _} = M -> M after T -> timeout end;
take(["msg", Text], T, _) -> receive {msg, Text} = M -> M after T -> timeout end;
take(["exit"], T, _) -> receive {'EXIT', _, _} = M -> M after T -> timeout end;
take(["timer"], T, _) -> receive {timeout, _, _} = M -> M after T -> timeout end;
take(["call"], T, _) -> receive {'$gen_call', _, _} = M -> M after T -> timeout end;
take(["down", L], T, S) ->
    Ref = ref(L, S),
    receive {_, Ref, process, _, _} = M -> M after T -> timeout end.
