using System.CommandLine;
using LLaDA.Batch.Client;

namespace LLaDA.Batch.Cli.Service;

/// <summary>Commands that make one call of the service and show its answer.</summary>
internal static class ServiceCommands
{
    private const int DefaultLimit = 20;

    /// <summary>Options of lists and files: at most so many entries.</summary>
    public static Option<int> Limit() => new("--limit", "-n") { Description = "At most so many", DefaultValueFactory = _ => DefaultLimit };

    /// <summary>A list, a row for each entry.</summary>
    /// <param name="limit">Null lists all entries.</param>
    /// <param name="columns">In the order of their importance.</param>
    public static Command List<T>(
        ServiceTarget target, string name, string description, Func<LLaDAClient, ParseResult, CancellationToken, IAsyncEnumerable<T>> list,
        Option<int>? limit, params (string Heading, Func<T, object?> Cell)[] columns)
    {
        var command = new Command(name, description);
        if (limit is not null)
            command.Options.Add(limit);
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            int most = limit is null ? int.MaxValue : parse.GetValue(limit);
            await target.Shell(parse).RowsAsync(list(client, parse, cancellation), most, columns);
        });
        return command;
    }

    /// <summary>Shows one thing, a property a line.</summary>
    public static Command Show<T>(
        ServiceTarget target, string description, string idForm, Func<LLaDAClient, string, CancellationToken, Task<T>> get)
    {
        var id = Id(idForm);
        var command = new Command("show", description) { id };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            target.Shell(parse).Properties(await get(client, parse.GetRequiredValue(id), cancellation));
        });
        return command;
    }

    /// <summary>Changes one thing, and says what it is now.</summary>
    public static Command Change<T>(
        ServiceTarget target, string verb, string description, string idForm,
        Func<LLaDAClient, string, CancellationToken, Task<T>> change, Func<T, string> status)
    {
        var id = Id(idForm);
        var command = new Command(verb, description) { id };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            string name = parse.GetRequiredValue(id);
            var changed = await change(client, name, cancellation);
            target.Shell(parse).Result(changed, $"{name} is {status(changed)}");
        });
        return command;
    }

    /// <summary>Deletes one thing.</summary>
    public static Command Delete(
        ServiceTarget target, string description, string idForm, Func<LLaDAClient, string, CancellationToken, Task> delete)
    {
        var id = Id(idForm);
        var command = new Command("delete", description) { id };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            string name = parse.GetRequiredValue(id);
            await delete(client, name, cancellation);
            target.Shell(parse).Say($"{name} is deleted");
        });
        return command;
    }

    /// <param name="form">How such an id looks, as <c>batch_...</c>.</param>
    public static Argument<string> Id(string form) => new("id") { Description = form };

    /// <summary>How long ago something was, for a column of a table.</summary>
    public static TimeSpan Age(DateTimeOffset since) => TimeProvider.System.GetUtcNow() - since;
}
