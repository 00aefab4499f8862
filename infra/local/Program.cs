using System.CommandLine;
using LLaDA.Batch.Local;

var data = new Option<DirectoryInfo>("--data") { Description = "Folder that keeps the data; a stack started on it again finds everything" };
var port = new Option<int>("--port") { Description = "Port of the REST API; 0 takes a free one", DefaultValueFactory = _ => 8080 };
var models = new Option<DirectoryInfo>("--models") { Description = "Folder with models, instead of the bundled ones" };

var root = new RootCommand("Runs LLaDA.Batch on this machine. Without a command: fills the sample documents and ends.") { data, models };
root.SetAction((parse, cancellation) => RunAsync(() => Demonstration.RunAsync(Options(parse, port: 0), cancellation), cancellation));
var up = new Command("up", "Starts the system and stays up until Ctrl-C") { data, port, models };
up.SetAction((parse, cancellation) => RunAsync(() => UpAsync(Options(parse, parse.GetValue(port)), cancellation), cancellation));
root.Add(up);
return await root.Parse(args).InvokeAsync(new() { ProcessTerminationTimeout = TimeSpan.FromMinutes(1) });

LocalStackOptions Options(ParseResult parse, int port) =>
    new(parse.GetValue(data)?.FullName ?? Demonstration.DefaultDataFolder, port, parse.GetValue(models)?.FullName);

static async Task UpAsync(LocalStackOptions options, CancellationToken cancellation)
{
    await using var stack = await LocalStack.StartAsync(options, Console.Error.WriteLine, cancellation);
    Console.WriteLine($"ready {stack.Address} key {stack.ApiKey}");
    await Task.Delay(Timeout.Infinite, cancellation);
}

static async Task<int> RunAsync(Func<Task> action, CancellationToken cancellation)
{
    try
    {
        await action();
        return 0;
    }
    catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
    {
        return 0;
    }
    catch (Exception exception) when (exception is StackException or OperationCanceledException)
    {
        Console.Error.WriteLine(exception is StackException ? exception.Message : $"The system did not answer in time: {exception.Message}");
        return 1;
    }
}
