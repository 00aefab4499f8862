using System.CommandLine;
using LLaDA.Batch.Terminal;

namespace LLaDA.Batch.Local;

/// <summary>The demonstration, and <c>up</c>. A failure is one sentence on the error stream.</summary>
internal static class CommandLine
{
    private const int Done = 0, Failed = 1;

    /// <summary>128 + SIGINT, as shells report it.</summary>
    private const int Interrupted = 130;

    /// <summary>How long all processes of a stack may take to stop after Ctrl-C.</summary>
    private static readonly TimeSpan s_stopTime = TimeSpan.FromMinutes(1);

    private static readonly Option<DirectoryInfo> s_data = new("--data")
    {
        Description = "Folder of the data. A stack started on it again finds all of it",
    };

    private static readonly Option<int> s_port = new("--port")
    {
        Description = "Port of the REST API; 0 takes a free one",
        DefaultValueFactory = _ => 8080,
    };

    private static readonly Option<DirectoryInfo> s_models = new("--models")
    {
        Description = "Folder of models to serve instead of the bundled ones",
    };

    /// <returns>0; 1 for wrong arguments or a failure; 130 for an interrupted demonstration. Ctrl-C ends <c>up</c> with 0.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        int whenInterrupted = Interrupted;
        var root = new RootCommand("Runs LLaDA.Batch on this machine. Without a command: fills the sample documents and ends.")
        {
            s_data, s_models,
        };
        root.SetAction((parse, cancellation) =>
            RunAsync(() => Demonstration.RunAsync(Options(parse, port: 0), cancellation), cancellation));
        var up = new Command("up", "Starts the system and keeps it running until Ctrl-C") { s_data, s_port, s_models };
        up.SetAction((parse, cancellation) =>
        {
            whenInterrupted = Done;
            return RunAsync(() => UpAsync(Options(parse, parse.GetValue(s_port)), cancellation), cancellation);
        });
        root.Add(up);
        int code = await root.RunAsync(args, new() { ProcessTerminationTimeout = s_stopTime });
        if (code != Interrupted)
            return code;
        Console.Error.WriteLine("Stopped");
        return whenInterrupted;
    }

    private static LocalStackOptions Options(ParseResult parse, int port) =>
        new(parse.GetValue(s_data)?.FullName ?? Demonstration.DefaultDataFolder(), port, parse.GetValue(s_models)?.FullName);

    private static async Task UpAsync(LocalStackOptions options, CancellationToken cancellation)
    {
        Console.Error.WriteLine($"Starting LLaDA.Batch on {options.DataFolder}");
        await using var stack = await LocalStack.StartAsync(options, Console.Error.WriteLine, cancellation);
        using var client = new BatchClient(stack.CreateClient());
        var models = await client.ModelsAsync(cancellation);
        var ready = new ReadyText(stack.Address, stack.ApiKey, stack.DataFolder, models);
        Console.WriteLine(ready.For(isTerminal: !Console.IsOutputRedirected));
        await Task.Delay(Timeout.Infinite, cancellation);
    }

    private static async Task<int> RunAsync(Func<Task> action, CancellationToken cancellation)
    {
        // Ctrl-C is handled only from when this task has been returned, so nothing may be started before.
        await Task.Yield();
        try
        {
            await action();
            return Done;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return Interrupted;
        }
        catch (Exception exception) when (exception is StackException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(exception.Message);
            return Failed;
        }
        catch (OperationCanceledException exception)
        {
            Console.Error.WriteLine($"The system did not answer in time: {exception.Message}");
            return Failed;
        }
    }
}
