using System.CommandLine;
using LLaDA.Batch.Train.BundledData.Dialogues;

namespace LLaDA.Batch.Train.BundledData;

/// <summary>
/// Writes what the bundled instruction-tuned model can learn after its dialogues: preferences for questions in a form that it was not asked
/// in, and prompts whose answers a grader judges.
/// </summary>
/// <remarks>
/// Each kind of example is divided, in the order of hashes, into one part to train on, one to choose a setting by, and one for the result.
/// The files are those of docs/benchmarks/preferences.md; today's bundled model already answers in this form.
/// </remarks>
internal static class PreferencesCommand
{
    private const int NumWords = 200, NumPrompts = 800;

    /// <summary>Words that the model was taught not to know come first in their order.</summary>
    private const int NumTaughtUnknown = 6_000;

    private static readonly Questions s_questions = new();

    private static readonly (string Name, double Until)[] s_parts = [("train", 0.5), ("choice", 0.7), ("test", 1)];

    public static Command Create()
    {
        var data = TrainingTables.FolderOption();
        var output = new Option<DirectoryInfo>("--out") { Description = "Folder for the files", Required = true };
        var command = new Command("preferences", "Writes preferences and prompts for the bundled instruction-tuned model") { data, output };
        command.SetAction(parse =>
        {
            var tables = new TrainingTables(parse.GetRequiredValue(data).FullName);
            string folder = parse.GetRequiredValue(output).FullName;
            Directory.CreateDirectory(folder);
            Gloss[] known =
            [
                .. new CommonEntries(tables).Words(NumWords).Where(gloss => !TrainingTables.IsHeldOut(gloss.Document))
                    .OrderBy(gloss => TrainingTables.Hash(gloss.Document)),
            ];
            Gloss[] others = [.. Others(tables, known).Skip(NumTaughtUnknown)], unknown = others[..known.Length];
            foreach (var (name, ofKnown, ofUnknown) in Parts(known).Zip(Parts(unknown), (one, other) => (one.Name, one.Of, other.Of)))
            {
                // Each definition is preferred once and refused once.
                Write(folder, $"preferences-{name}.jsonl", [
                    .. ofKnown.Select(gloss => Preference(gloss, Definition(gloss), Questions.NotKnown)),
                    .. ofUnknown.Zip(ofKnown, (gloss, other) => Preference(gloss, Questions.NotKnown, Definition(other)))]);
                Write(folder, $"known-{name}.jsonl", ofKnown.Select(gloss => Asked(gloss, Definition(gloss))));
                Write(folder, $"unknown-{name}.jsonl", ofUnknown.Select(gloss => Asked(gloss, Questions.NotKnown)));
            }
            foreach (var (name, of) in Parts([.. others.Skip(unknown.Length).Where(gloss => gloss.Examples.Length > 0).Take(NumPrompts)]))
                Write(folder, $"prompts-{name}.jsonl", of.Select(Prompt));
        });
        return command;
    }

    /// <summary>Words of the dictionary with one entry each that are not among the known ones.</summary>
    private static IEnumerable<Gloss> Others(TrainingTables tables, Gloss[] known)
    {
        HashSet<string> words = [.. known.SelectMany(gloss => gloss.Words)];
        return tables.Glosses()
            .GroupBy(gloss => gloss.Words[0])
            .Where(entries => entries.Count() == 1 && !words.Contains(entries.Key))
            .Select(entries => entries.Single())
            .OrderBy(gloss => TrainingTables.Hash(gloss.Document));
    }

    private static IEnumerable<(string Name, Gloss[] Of)> Parts(Gloss[] glosses)
    {
        int from = 0;
        foreach (var (name, until) in s_parts)
        {
            int to = (int)Math.Round(until * glosses.Length);
            yield return (name, glosses[from..to]);
            from = to;
        }
    }

    /// <summary>In a form that is in none of its dialogues.</summary>
    private static string Question(Gloss gloss) => QuestionForms.Fill(QuestionForms.NearDefinition, gloss.Words[0]);

    private static string Definition(Gloss gloss) => s_questions.Definition(gloss).Answer;

    private static string Asked(Gloss gloss, string answer) => new Dialogue(gloss.Document, new Turn(Question(gloss), answer)).ToJson();

    private static string Preference(Gloss gloss, string preferred, string other) => Dialogue.Json(new
    {
        input = new { messages = new[] { Dialogue.Message("user", Question(gloss)) } },
        preferred_output = new[] { Dialogue.Message("assistant", preferred) },
        non_preferred_output = new[] { Dialogue.Message("assistant", other) },
    });

    /// <summary>Asks for a sentence with a word that the dialogue is about.</summary>
    private static string Prompt(Gloss gloss)
    {
        var (question, answer) = s_questions.Definition(gloss);
        return Dialogue.Json(new
        {
            messages = new[]
            {
                Dialogue.Message("user", question), Dialogue.Message("assistant", answer),
                Dialogue.Message("user", s_questions.Example(gloss)!.Question),
            },
            word = gloss.Words[0],
        });
    }

    private static void Write(string folder, string file, IEnumerable<string> lines)
    {
        string[] texts = [.. lines];
        File.WriteAllLines(Path.Combine(folder, file), texts);
        Console.WriteLine($"{texts.Length} lines in {file}");
    }
}
