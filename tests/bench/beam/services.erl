%% The programs of tests/guests/services, on ETS and, if Elixir is installed, its Registry. Prints "PROGRAM\tMICROSECONDS" for all of the count.
%% erlc services.erl && erl +S 1 -noshell -run services main ROUNDS "PROGRAM=COUNT" ...
-module(services).
-export([main/1]).

main([Rounds | Programs]) ->
    [code:add_pathsa(filelib:wildcard(D ++ "/elixir/lib/{elixir,logger}/ebin")) || D <- ["/usr/lib", "/usr/local/lib"]],
    [begin
         [Name, Count] = string:split(P, "="),
         Times = [timed(Name, list_to_integer(Count)) || _ <- lists:seq(1, list_to_integer(Rounds))],
         io:format("~s\t~p~n", [Name, lists:nth((length(Times) + 1) div 2, lists:sort(Times))])
     end || P <- Programs, is_there(P)],
    halt(0).

is_there("regist" ++ _) -> code:which('Elixir.Registry') =/= non_existing;
is_there("broadcast" ++ _) -> code:which('Elixir.Registry') =/= non_existing;
is_there(_) -> true.

timed(Name, Count) ->
    Self = self(),
    spawn(fun() -> Self ! {time, program(Name, Count)} end),
    receive {time, Nanoseconds} -> Nanoseconds / 1000 end.

measure(Fun) ->
    Start = erlang:monotonic_time(nanosecond),
    Fun(),
    erlang:monotonic_time(nanosecond) - Start.

program("lookup in 10", N) -> lookups(set, 10, N);
program("lookup in 1000", N) -> lookups(set, 1000, N);
program("lookup in 1000000", N) -> lookups(set, 1000000, N);
program("lookup by two", N) -> by_two(fun read/3, N);
program("ordered lookup", N) -> lookups(ordered_set, 1000000, N);
program("insert new", N) -> T = filled(set, 0), measure(fun() -> write(T, N, N) end);
program("insert again", N) -> T = filled(set, 1000), measure(fun() -> write(T, 1000, N) end);
program("insert by two", N) -> by_two(fun write/3, N);
program("counter", N) ->
    T = ets:new(t, [set]),
    ets:insert(T, {1, 0}),
    measure(fun() -> count(T, N) end);
program("delete", N) ->
    T = filled(set, 1000),
    measure(fun() -> insert_and_delete(T, N) end);
program("select", N) ->
    T = ets:new(t, [set]),
    [ets:insert(T, {K, {K rem 100, <<"some text">>}}) || K <- lists:seq(0, 99999)],
    Spec = [{{'$1', {'$2', '_'}}, [{'<', '$2', 1}], ['$1']}],
    measure(fun() -> [1000 = length(ets:select(T, Spec)) || _ <- lists:seq(1, N div 100000)] end);
program("traverse", N) ->
    T = filled(set, N),
    measure(fun() -> N = walk(T, ets:first(T), 0) end);

program("registry lookup", N) ->
    registry(unique),
    measure(fun() -> registry_lookup(N, self()) end);
program("registry whereis", N) ->
    registry(unique),
    measure(fun() -> registry_whereis(N, self()) end);
program("registration", N) ->
    registry(unique),
    measure(fun() -> registration(N) end);
program("broadcast to " ++ Subscribers, N) ->
    broadcast(list_to_integer(Subscribers), N).

%% Ends with the process that measures.
registry(Keys) ->
    application:ensure_all_started(elixir),
    case whereis(r) of undefined -> ok; Old -> exit(Old, kill) end,
    start_registry(Keys),
    Keys =:= duplicate orelse [{ok, _} = 'Elixir.Registry':register(r, K, K) || K <- lists:seq(0, 999)].

start_registry(Keys) ->
    Options = [{keys, Keys}, {name, r}, {partitions, erlang:system_info(schedulers)}],
    case 'Elixir.Registry':start_link(Options) of
        {ok, _} -> ok;
        _ -> timer:sleep(1), start_registry(Keys)
    end.

registry_lookup(0, _) -> ok;
registry_lookup(N, Own) ->
    K = N * 7919 rem 1000,
    [{Own, K}] = 'Elixir.Registry':lookup(r, K),
    registry_lookup(N - 1, Own).

registry_whereis(0, _) -> ok;
registry_whereis(N, Own) ->
    Own = 'Elixir.Registry':whereis_name({r, N * 7919 rem 1000}),
    registry_whereis(N - 1, Own).

registration(0) -> ok;
registration(N) ->
    {ok, _} = 'Elixir.Registry':register(r, 1000 + N, N),
    ok = 'Elixir.Registry':unregister(r, 1000 + N),
    registration(N - 1).

broadcast(Subscribers, N) ->
    registry(duplicate),
    Self = self(),
    Messages = N div Subscribers,
    [begin
         spawn(fun() ->
             {ok, _} = 'Elixir.Registry':register(r, <<"news">>, nil),
             Self ! ready,
             subscriber(Messages),
             Self ! done
         end),
         receive ready -> ok end
     end || _ <- lists:seq(1, Subscribers)],
    Message = value(),
    Time = measure(fun() ->
        [begin
             Send = fun(Entries) -> [Pid ! Message || {Pid, _} <- Entries] end,
             ok = 'Elixir.Registry':dispatch(r, <<"news">>, Send)
         end || _ <- lists:seq(1, Messages)],
        [receive done -> ok end || _ <- lists:seq(1, Subscribers)]
    end),
    Time.

subscriber(0) -> ok;
subscriber(N) -> receive <<_:64/binary>> -> subscriber(N - 1) end.

value() -> binary:copy(<<"x">>, 64).

filled(Type, Rows) ->
    T = ets:new(t, [Type, public, {read_concurrency, true}, {write_concurrency, true}]),
    fill(T, Rows - 1, value()),
    T.

fill(_, -1, _) -> ok;
fill(T, K, V) -> ets:insert(T, {K, V}), fill(T, K - 1, V).

lookups(Type, Rows, N) ->
    T = filled(Type, Rows),
    measure(fun() -> read(T, Rows, N) end).

read(_, _, 0) -> ok;
read(T, Rows, N) ->
    [{_, V}] = ets:lookup(T, N * 7919 rem Rows),
    64 = byte_size(V),
    read(T, Rows, N - 1).

write(T, Rows, N) -> write(T, Rows, N, value()).

write(_, _, 0, _) -> ok;
write(T, Rows, N, V) -> ets:insert(T, {N * 7919 rem Rows, V}), write(T, Rows, N - 1, V).

by_two(Fun, N) ->
    T = filled(set, 1000),
    Self = self(),
    Halves = [spawn(fun() -> receive go -> Fun(T, 1000, N div 2), Self ! done end end) || _ <- [1, 2]],
    measure(fun() -> [P ! go || P <- Halves], receive done -> ok end, receive done -> ok end end).

count(_, 0) -> ok;
count(T, N) -> ets:update_counter(T, 1, 1), count(T, N - 1).

insert_and_delete(T, N) -> insert_and_delete(T, N, value()).

insert_and_delete(_, 0, _) -> ok;
insert_and_delete(T, N, V) -> ets:insert(T, {1000 + N, V}), ets:delete(T, 1000 + N), insert_and_delete(T, N - 1, V).

walk(_, '$end_of_table', Seen) -> Seen;
walk(T, K, Seen) -> walk(T, ets:next(T, K), Seen + 1).
