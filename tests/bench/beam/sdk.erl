%% The programs of tests/guests/sdk, as far as the BEAM has them: a bare receive loop, gen_server, gen_statem, and, if Elixir is installed, Agent and
%% Task.async_stream. Prints "PROGRAM\tMICROSECONDS" for all of the count.
%% erlc sdk.erl && erl +S 1 -noshell -run sdk main ROUNDS "PROGRAM=COUNT" ...
-module(sdk).
-behaviour(gen_server).
-export([main/1, init/1, handle_call/3, handle_cast/2, callback_mode/0, handle_event/4]).

main([Rounds | Programs]) ->
    [code:add_pathsa(filelib:wildcard(D ++ "/elixir/lib/{elixir,logger}/ebin")) || D <- ["/usr/lib", "/usr/local/lib"]],
    [begin
         [Name, Count] = string:split(P, "="),
         Times = [timed(Name, list_to_integer(Count)) || _ <- lists:seq(1, list_to_integer(Rounds))],
         io:format("~s\t~p~n", [Name, lists:nth((length(Times) + 1) div 2, lists:sort(Times))])
     end || P <- Programs, is_there(P)],
    halt(0).

is_there("agent" ++ _) -> code:which('Elixir.Agent') =/= non_existing;
is_there("async_stream" ++ _) -> code:which('Elixir.Task') =/= non_existing;
is_there("bare" ++ _) -> true;
is_there("gen_server" ++ _) -> true;
is_there("machine" ++ _) -> true;
is_there(_) -> false.

timed(Name, Count) ->
    Self = self(),
    spawn(fun() -> Self ! {time, program(Name, Count)} end),
    receive {time, Nanoseconds} -> Nanoseconds / 1000 end.

measure(Fun) ->
    Start = erlang:monotonic_time(nanosecond),
    Fun(),
    erlang:monotonic_time(nanosecond) - Start.

program("bare call", N) ->
    Pid = spawn_link(fun() -> bare(0) end),
    measure(fun() -> repeat(N, fun() -> bare_call(Pid) end) end);
program("gen_server", N) ->
    {ok, Pid} = gen_server:start_link(?MODULE, server, []),
    measure(fun() -> repeat(N, fun() -> gen_server:call(Pid, 1) end) end);
program("machine", N) ->
    {ok, Pid} = gen_statem:start_link(?MODULE, machine, []),
    measure(fun() -> repeat(N, fun() -> gen_statem:call(Pid, 1) end) end);
program("agent", N) ->
    {ok, Pid} = 'Elixir.Agent':start_link(fun() -> 0 end),
    measure(fun() -> repeat(N, fun() -> 'Elixir.Agent':get_and_update(Pid, fun(S) -> {S + 1, S + 1} end) end) end);
program("async_stream", N) ->
    Stream = 'Elixir.Task':async_stream(lists:seq(1, N), fun(X) -> X + 1 end, [{max_concurrency, 8}]),
    measure(fun() -> 'Elixir.Enum':count(Stream) end).

repeat(0, _) -> ok;
repeat(N, Fun) -> Fun(), repeat(N - 1, Fun).

bare(S) -> receive {From, Ref, By} -> From ! {Ref, S + By}, bare(S + By) end.

bare_call(Pid) ->
    Ref = monitor(process, Pid),
    Pid ! {self(), Ref, 1},
    receive {Ref, Reply} -> demonitor(Ref, [flush]), Reply end.

init(server) -> {ok, 0};
init(machine) -> {ok, only, 0}.

handle_call(By, _From, S) -> {reply, S + By, S + By}.
handle_cast(_, S) -> {noreply, S}.

callback_mode() -> handle_event_function.
handle_event({call, From}, By, only, S) -> {keep_state, S + By, [{reply, From, S + By}]}.
