using System.CommandLine;
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.Wire;
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

    private const int UsualPort = 8080;

    private static readonly Option<int> s_port = new("--port")
    {
        Description = "Port of the REST API; 0 takes a free one",
        DefaultValueFactory = _ => UsualPort,
    };

    private static readonly Option<DirectoryInfo> s_models = new("--models")
    {
        Description = "Folder of models to serve instead of the bundled ones",
    };

    /// <returns>0; 1 for a failure; 2 for wrong arguments; 130 for an interrupted demonstration. Ctrl-C ends what is up with 0.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        int whenInterrupted = Interrupted;
        var root = new RootCommand(
            "Runs LLaDA.Batch on this machine. Without a command: fills sample documents, and on a terminal stays up until Ctrl-C")
        {
            s_data, s_models,
        };
        root.SetAction((parse, cancellation) =>
        {
            var screen = Screen.OfOutput();
            int port = screen.IsTerminal ? FreePort.Prefer(UsualPort) : 0;
            return RunAsync(
                () => DemonstrateAsync(Options(parse, port), screen, onShown: () => whenInterrupted = Done, cancellation), cancellation);
        });
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

    private static async Task DemonstrateAsync(
        LocalStackOptions options, Screen screen, Action onShown, CancellationToken cancellation)
    {
        screen.Output.WriteLine($"Starting LLaDA.Batch on {options.DataFolder}");
        await using var stack = await LocalStack.StartAsync(options, screen.Output.WriteLine, cancellation);
        using var client = new LLaDAClient(new Uri(stack.Address), stack.ApiKey);
        await ShowAsync(stack, client, screen, onShown, cancellation);
    }

    /// <summary>Fills the sample documents. On a terminal the system then stays up, so that its page can be opened.</summary>
    /// <param name="onShown">Called when the documents are filled and the system stays up.</param>
    internal static async Task ShowAsync(
        LocalStack stack, LLaDAClient client, Screen screen, Action onShown, CancellationToken cancellation)
    {
        await new Demonstration(client, screen, TimeProvider.System).RunAsync(Samples.Read(), cancellation);
        if (!screen.IsTerminal)
        {
            screen.Output.WriteLine(ReadyText.AfterEnd);
            return;
        }
        onShown();
        screen.Output.WriteLine();
        await StayUpAsync(stack, client, cancellation);
    }

    private static async Task UpAsync(LocalStackOptions options, CancellationToken cancellation)
    {
        Console.Error.WriteLine($"Starting LLaDA.Batch on {options.DataFolder}");
        await using var stack = await LocalStack.StartAsync(options, Console.Error.WriteLine, cancellation);
        using var client = new LLaDAClient(new Uri(stack.Address), stack.ApiKey);
        await StayUpAsync(stack, client, cancellation);
    }

    private static async Task StayUpAsync(LocalStack stack, LLaDAClient client, CancellationToken cancellation)
    {
        var models = await client.ListModelsAsync(cancellation).Select(model => model.Id).ToListAsync(cancellation);
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
        catch (Exception exception) when (exception is StackException or ServiceException or IOException or UnauthorizedAccessException)
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
