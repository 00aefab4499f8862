using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using LLaDA.Batch.Cli.Terminal;

namespace LLaDA.Batch.Cli.Evaluating;

/// <summary>A file of questions: JSON Lines, of which the first is the <see cref="TaskHeader"/>.</summary>
/// <param name="Questions">At least one, without the examples.</param>
/// <param name="Before">What stands before each question: the examples, or nothing.</param>
internal sealed record EvaluationTask(TaskHeader Header, IReadOnlyList<Question> Questions, string Before)
{
    private static readonly TimeSpan s_matchTime = TimeSpan.FromSeconds(1);

    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };

    /// <exception cref="OperatorException">There is no such file, or a line of it is wrong.</exception>
    public static EvaluationTask Read(FileInfo file)
    {
        if (!file.Exists)
            throw new OperatorException($"There is no file {file}", ExitCodes.NotFound);
        TaskHeader? header = null;
        List<Question> questions = [];
        foreach (var (index, line) in File.ReadLines(file.FullName).Index())
        {
            OperatorException Wrong(string reason) => new($"Line {index + 1} of {file.Name}: {reason}");
            if (line.Length == 0)
                continue;
            if (header is null)
            {
                header = Parse<TaskHeader>(line, Wrong);
                if (Fault(header) is { } fault)
                    throw Wrong(fault);
                continue;
            }
            var question = Parse<Question>(line, Wrong);
            if (question.Fault(header.Kind) is { } reason)
                throw Wrong(reason);
            questions.Add(question);
        }
        var asked = questions.FindAll(question => !question.Example);
        var examples = questions.FindAll(question => question.Example);
        if (header is null || asked.Count == 0)
        {
            throw new OperatorException(
                $"{file.Name} has no questions: the first line describes the task, and each further one is a question");
        }
        if (examples.Count < header.Shots)
            throw new OperatorException($"{file.Name} asks for {header.Shots} shots and has {examples.Count} examples");
        return new EvaluationTask(
            header, asked, string.Concat(examples.Take(header.Shots).Select(example => example.Shown + header.Separator)));
    }

    /// <summary>The answer in a text that was written, without white space around it; null where <c>extract</c> finds none.</summary>
    public string? Extract(string written)
    {
        if (Header.Extract is null)
            return written.Trim();
        var match = Regex.Matches(written, Header.Extract, RegexOptions.None, s_matchTime).LastOrDefault();
        return (match is { Groups.Count: > 1 } ? match.Groups[1].Value : match?.Value)?.Trim();
    }

    private static string? Fault(TaskHeader header)
    {
        if (header.Shots < 0)
            return "\"shots\" must be at least 0";
        if (header.Kind == TaskKind.Choice && (header.Chat || header.Extract is not null))
            return "\"chat\" and \"extract\" belong to tasks of the kind \"generate\"";
        if (header.Body.Keys.FirstOrDefault(name => name is "model" or "prompt" or "messages" or "completions") is { } name)
            return $"\"body\" must not have \"{name}\", which comes from the questions";
        try
        {
            _ = new Regex(header.Extract ?? "", RegexOptions.None, s_matchTime);
            return null;
        }
        catch (ArgumentException invalid)
        {
            return $"\"extract\" is no regular expression: {invalid.Message}";
        }
    }

    private static T Parse<T>(string line, Func<string, OperatorException> wrong)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(line, s_json) ?? throw wrong("it is null");
        }
        catch (JsonException invalid)
        {
            throw wrong(invalid.Message.Split(" Path:")[0]);
        }
    }
}
