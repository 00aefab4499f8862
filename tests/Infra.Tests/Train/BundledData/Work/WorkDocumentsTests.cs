using LLaDA.Batch.Train.BundledData;
using LLaDA.Batch.Train.BundledData.Work;

namespace LLaDA.Batch.Infra.Tests.Train.BundledData.Work;

public sealed class WorkDocumentsTests
{
    [Fact]
    public void The_documents_are_those_that_the_bundled_model_was_trained_on()
    {
        string[] documents = [.. WorkDocuments.Write(10_000)];

        Assert.Equal(11689198680613348219, documents.Aggregate(0UL, (sum, document) => sum ^ TrainingTables.Hash(document)));
        Assert.Equal(documents.Length, documents.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(documents[..100], WorkDocuments.Write(100));
    }

    [Fact]
    public void A_fault_and_its_repair_belong_together()
    {
        var repairs = Goods.All.SelectMany(goods => goods.Repairs.Select(repair => (goods.Name, repair.Fault, repair.Remedy))).ToHashSet();
        string[] forms = [.. WorkDocuments.Write(2_000).Where(document => document.StartsWith("Repair order", StringComparison.Ordinal))];

        Assert.NotEmpty(forms);
        Assert.All(forms, form =>
        {
            string Field(string name) => form.Split('\n').Single(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..];
            string goods = Field("Object: ");
            string fault = Field($"Fault: the {goods} "), remedy = Field($"Work done: the {goods} has ");
            Assert.Contains((goods, fault, remedy), repairs);
        });
    }
}
