using System.CommandLine;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Cli.Terminal;

namespace LLaDA.Batch.Cli.Files;

/// <summary>Works on files of requests without a service.</summary>
internal static class LocalFileCommands
{
    private static readonly byte[] s_lineEnd = [(byte)'\n'];

    private sealed record FileStatistics(int Lines, long Bytes, string? Endpoint, string? Model, int ShortestLine, int LongestLine);

    public static Command Check(ServiceTarget target)
    {
        var file = FileArgument();
        var command = new Command("check", "Checks a file of requests as the service's plan does") { file };
        command.SetAction(async (parse, cancellation) =>
        {
            var shell = target.Shell(parse);
            var check = await RequestFile.CheckAsync(parse.GetRequiredValue(file), cancellation);
            foreach (var fault in check.Faults)
                shell.Result(fault, fault.ToString());
            if (check.Faults.Count > 0)
                return ExitCodes.Refused;
            shell.Result(check, $"{check.Lines} lines for {check.Endpoint} and {check.Model}: good");
            return ExitCodes.Done;
        });
        return command;
    }

    public static Command Stats(ServiceTarget target)
    {
        var file = FileArgument();
        var command = new Command("stats", "Counts the lines of a file of requests") { file };
        command.SetAction(async (parse, cancellation) =>
        {
            var source = parse.GetRequiredValue(file);
            var lengths = await RequestFile.LinesAsync(source, cancellation).Select(line =>
                line.Bytes?.Length ?? 0).ToListAsync(cancellation);
            var check = await RequestFile.CheckAsync(source, cancellation);
            target.Shell(parse).Properties(new FileStatistics(
                lengths.Count, source.Length, check.Endpoint, check.Model, lengths.DefaultIfEmpty().Min(), lengths.DefaultIfEmpty().Max()));
        });
        return command;
    }

    public static Command Split(ServiceTarget target)
    {
        var file = FileArgument();
        var lines = new Option<int>("--lines", "-l") { Description = "Lines of each piece", Required = true };
        var command = new Command("split", "Splits a file into FILE.1, FILE.2 and so on") { file, lines };
        command.SetAction(async (parse, cancellation) =>
        {
            var (source, size, shell) = (parse.GetRequiredValue(file), parse.GetRequiredValue(lines), target.Shell(parse));
            if (size < 1)
                throw new OperatorException("--lines must be at least 1", ExitCodes.Usage);
            string stem = Path.Combine(source.DirectoryName!, Path.GetFileNameWithoutExtension(source.Name));
            FileStream? piece = null;
            int count = 0;
            try
            {
                await foreach (var line in RequestFile.LinesAsync(source, cancellation))
                {
                    if (count % size == 0)
                    {
                        if (piece is not null)
                            await piece.DisposeAsync();
                        piece = File.Create($"{stem}.{(count / size) + 1}{source.Extension}");
                        shell.Result(new { file = piece.Name }, piece.Name);
                    }
                    await WriteAsync(piece!, line.Bytes, cancellation);
                    count++;
                }
            }
            finally
            {
                if (piece is not null)
                    await piece.DisposeAsync();
            }
        });
        return command;
    }

    public static Command Sample()
    {
        var file = FileArgument();
        var lines = new Option<int>("--lines", "-n") { Description = "Lines to draw", DefaultValueFactory = _ => 10 };
        var seed = new Option<int>("--seed") { Description = "The same seed draws the same lines", DefaultValueFactory = _ => 0 };
        var command = new Command("sample", "Draws lines of a file, in their order") { file, lines, seed };
        command.SetAction(async (parse, cancellation) =>
        {
            var source = parse.GetRequiredValue(file);
            int count = await RequestFile.LinesAsync(source, cancellation).CountAsync(cancellation);
            var random = new Random(parse.GetValue(seed));
            int left = Math.Min(parse.GetValue(lines), count), seen = 0;
            await foreach (var line in RequestFile.LinesAsync(source, cancellation))
            {
                // Of the lines that are left each is taken with the same probability.
                if (random.Next(count - seen++) >= left)
                    continue;
                left--;
                await parse.InvocationConfiguration.Output.WriteLineAsync(System.Text.Encoding.UTF8.GetString(line.Bytes ?? []));
            }
        });
        return command;
    }

    private static Argument<FileInfo> FileArgument() => new("file") { Description = "One request a line" };

    private static async Task WriteAsync(FileStream piece, byte[]? line, CancellationToken cancellation)
    {
        if (line is null)
            throw new OperatorException("A line is longer than 10 MiB, which is more than the service takes");
        await piece.WriteAsync(line, cancellation);
        await piece.WriteAsync(s_lineEnd, cancellation);
    }
}
