using System.Text;
using System.Text.Json;

namespace LLaDA.Batch.Cli.Evaluating;

/// <summary>What a model made of a question.</summary>
/// <param name="IsAnswered">Whether every request of it was answered; an unanswered question counts as wrong.</param>
/// <param name="Answer">What was chosen (its index) or written.</param>
/// <param name="ByByte">Whether the choice of the highest log-likelihood a byte is right; null for a written answer.</param>
/// <param name="Mass">The share of the probability of all choices that the right ones have; null for a written answer.</param>
internal sealed record QuestionResult(
    int Question, string? Group, bool IsAnswered, string? Answer, bool IsRight, bool? ByByte, double? Mass)
{
    /// <param name="responses">Bodies of the answers, in the order of the question's requests; null where one failed.</param>
    public static QuestionResult Of(EvaluationTask task, int number, IReadOnlyList<JsonElement?> responses)
    {
        var question = task.Questions[number];
        if (responses.Any(response => response is null))
            return new(number, question.Group, false, null, false, task.Header.Kind == TaskKind.Choice ? false : null, null);
        return task.Header.Kind == TaskKind.Choice
            ? Chosen(number, question, [.. responses.SelectMany(Scores)])
            : Written(task, number, question, responses[0]!.Value);
    }

    private static QuestionResult Chosen(int number, Question question, double[] scores)
    {
        int[] bytes = [.. Enumerable.Range(0, scores.Length).Select(index =>
            Encoding.UTF8.GetByteCount(question.Choices is { } choices ? choices[index] : question.Completion!))];
        double[] byByte = [.. scores.Zip(bytes, (score, length) => score / length)];
        int best = Array.IndexOf(scores, scores.Max()), bestByByte = Array.IndexOf(byByte, byByte.Max());
        double[] weights = [.. scores.Select(score => Math.Exp(score - scores.Max()))];
        double mass = question.Right!.Distinct().Sum(index => weights[index]) / weights.Sum();
        return new(number, question.Group, true, $"{best}", question.Right!.Contains(best), question.Right!.Contains(bestByByte), mass);
    }

    private static QuestionResult Written(EvaluationTask task, int number, Question question, JsonElement response)
    {
        var choice = response.GetProperty("choices")[0];
        string written = (choice.TryGetProperty("message", out var message) ? message.GetProperty("content") : choice.GetProperty("text"))
            .GetString() ?? "";
        string? answer = task.Extract(written);
        bool isRight = answer is not null && question.Answer!.Any(right => Plain(right) == Plain(answer));
        return new(number, question.Group, true, answer, isRight, null, null);
    }

    private static IEnumerable<double> Scores(JsonElement? response) =>
        response!.Value.GetProperty("scores").EnumerateArray().Select(score => score.GetProperty("log_likelihood").GetDouble());

    /// <summary>Answers are compared without white space around them and without commas within numbers.</summary>
    private static string Plain(string answer)
    {
        answer = answer.Trim();
        var plain = new StringBuilder(answer.Length);
        foreach (var (index, letter) in answer.Index())
        {
            bool isWithinNumber = letter == ',' && index > 0 && index + 1 < answer.Length
                && char.IsAsciiDigit(answer[index - 1]) && char.IsAsciiDigit(answer[index + 1]);
            if (!isWithinNumber)
                plain.Append(letter);
        }
        return plain.ToString();
    }
}
